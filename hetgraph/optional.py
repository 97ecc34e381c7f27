"""Import of optional packages."""

from __future__ import annotations

import importlib
from typing import Any

from hetgraph.errors import ConfigError

__all__ = ["require"]


def require(module: str, install: str) -> Any:
    """Imports an optional package.

    Args:
        module: Import name.
        install: Argument of ``pip install``.

    Raises:
        ConfigError: If the package is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ConfigError(
            f"this needs the package {package!r} ({error}); run: pip install '{install}'"
        ) from error
