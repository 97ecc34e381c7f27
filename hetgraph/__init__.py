"""hetgraph: heterogeneous graph learning, from files to a leaderboard row."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetgraph._checkout import find_folders_at_the_root
from hetgraph.version import __version__

if TYPE_CHECKING:
    from hetgraph.catalog.loading import load_dataset, load_graph
    from hetgraph.data import EdgeType, HeteroGraph, Relation, Schema
    from hetgraph.io import EdgeTable, NodeTable, from_tables
    from hetgraph.metapaths import MetaPath, compose, register_metapath
    from hetgraph.methods import Method
    from hetgraph.runs import Fitted, fit, load, run
    from hetgraph.runs.tuning import tune
    from hetgraph.tasks import audit, make_task
    from hetgraph.train import TrainConfig, Trainer

find_folders_at_the_root(Path(__file__).parent)

_HOME = {
    "EdgeTable": "hetgraph.io",
    "EdgeType": "hetgraph.data",
    "Fitted": "hetgraph.runs",
    "HeteroGraph": "hetgraph.data",
    "MetaPath": "hetgraph.metapaths",
    "Method": "hetgraph.methods",
    "NodeTable": "hetgraph.io",
    "Relation": "hetgraph.data",
    "Schema": "hetgraph.data",
    "TrainConfig": "hetgraph.train",
    "Trainer": "hetgraph.train",
    "audit": "hetgraph.tasks",
    "compose": "hetgraph.metapaths",
    "fit": "hetgraph.runs",
    "from_tables": "hetgraph.io",
    "load": "hetgraph.runs",
    "load_dataset": "hetgraph.catalog.loading",
    "load_graph": "hetgraph.catalog.loading",
    "make_task": "hetgraph.tasks",
    "register_metapath": "hetgraph.metapaths",
    "run": "hetgraph.runs",
    "tune": "hetgraph.runs.tuning",
}

__all__ = [
    "EdgeTable",
    "EdgeType",
    "Fitted",
    "HeteroGraph",
    "MetaPath",
    "Method",
    "NodeTable",
    "Relation",
    "Schema",
    "TrainConfig",
    "Trainer",
    "__version__",
    "audit",
    "compose",
    "fit",
    "from_tables",
    "load",
    "load_dataset",
    "load_graph",
    "make_task",
    "register_metapath",
    "run",
    "tune",
]


def __getattr__(name: str) -> Any:
    """Imports a public name at first use, so that ``hetgraph --help`` does not import torch."""
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hetgraph' has no attribute {name!r}")
