"""Data sets: targets and splits of a graph, loading by name, published statistics."""

from __future__ import annotations

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.split import Split
from hetgraph.catalog.targets import (
    EdgeLabels,
    EdgeTarget,
    EdgeValues,
    Labels,
    Links,
    Target,
    Values,
)

__all__ = [
    "Dataset",
    "EdgeLabels",
    "EdgeTarget",
    "EdgeValues",
    "Labels",
    "Links",
    "Split",
    "Target",
    "Values",
]
