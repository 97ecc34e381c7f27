"""Data sets: what is asked of a graph, how files become one, what was published about it."""

from __future__ import annotations

from hetgraph.catalog.dataset import Dataset, LinkSplit, NodeLabels, NodeValues, Split

__all__ = ["Dataset", "LinkSplit", "NodeLabels", "NodeValues", "Split"]
