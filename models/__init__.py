"""Methods, one package each; classes are found by their name, there is no list to edit."""

from __future__ import annotations

import importlib
from typing import Any

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    """Makes ``from hetgraph.models import RpHGNN`` work without importing other methods."""
    from hetgraph.registry import models

    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for key in models.names():
        if key == name:
            return importlib.import_module(f"{__name__}.{key}")
        if key.replace("_", "") == name.lower() and (found := models.get(key)).__name__ == name:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
