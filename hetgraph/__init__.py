"""hetgraph: heterogeneous graph learning, from files to a leaderboard row."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hetgraph.data import EdgeType, HeteroGraph, MetaPath, Relation, Schema
    from hetgraph.data.loading import load_dataset
    from hetgraph.data.metapath_registry import register_metapath
    from hetgraph.model import Model
    from hetgraph.runs import run
    from hetgraph.tasks import audit, make_task
    from hetgraph.train import TrainConfig, Trainer

__version__ = "0.1.0"

_HOME = {
    "EdgeType": "hetgraph.data",
    "HeteroGraph": "hetgraph.data",
    "MetaPath": "hetgraph.data",
    "Model": "hetgraph.model",
    "Relation": "hetgraph.data",
    "Schema": "hetgraph.data",
    "TrainConfig": "hetgraph.train",
    "Trainer": "hetgraph.train",
    "audit": "hetgraph.tasks",
    "load_dataset": "hetgraph.data.loading",
    "make_task": "hetgraph.tasks",
    "register_metapath": "hetgraph.data.metapath_registry",
    "run": "hetgraph.runs",
}

__all__ = [
    "EdgeType",
    "HeteroGraph",
    "MetaPath",
    "Model",
    "Relation",
    "Schema",
    "TrainConfig",
    "Trainer",
    "__version__",
    "audit",
    "load_dataset",
    "make_task",
    "register_metapath",
    "run",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for: ``hetgraph --help`` needs no torch."""
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hetgraph' has no attribute {name!r}")
