"""Kinds of prediction targets, one module each.

A new kind is one file: a frozen dataclass of tensors and plain values that extends
:class:`~hetgraph.catalog.targets.base.Target`. Its module is named after its ``kind``; another
package provides one as an entry point of the group ``hetgraph.targets``. Saved data sets, tables,
statistics and digests find it through :data:`hetgraph.registry.targets`.
"""

from __future__ import annotations

from hetgraph.catalog.targets._edges import EdgeTarget
from hetgraph.catalog.targets.base import Rows, Table, Target, Written
from hetgraph.catalog.targets.edge_labels import EdgeLabels
from hetgraph.catalog.targets.edge_values import EdgeValues
from hetgraph.catalog.targets.labels import Labels
from hetgraph.catalog.targets.links import Links
from hetgraph.catalog.targets.values import Values

__all__ = [
    "EdgeLabels",
    "EdgeTarget",
    "EdgeValues",
    "Labels",
    "Links",
    "Rows",
    "Table",
    "Target",
    "Values",
    "Written",
]
