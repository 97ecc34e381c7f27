from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SHARED = {"train": {"max_epochs": 3, "batch_size": 64, "lr": 0.02, "monitor": "f1_mean"}}
SPACE = {
    "hidden": {"low": 2, "high": 8},
    "dropout": [0.0, 0.5],
    "train.weight_decay": {"low": 1e-5, "high": 0.1, "log": True},
}


@pytest.fixture
def tune(registered_tiny: ModuleType) -> Callable[..., Any]:
    """Searches settings of the tiny model on the tiny data set, in silence."""
    pytest.importorskip("optuna")
    import hetgraph

    data = registered_tiny.make_dataset()
    options = {"settings": SHARED, "space": SPACE, "progress": False}
    return partial(hetgraph.tune, "tiny", data, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "search"
