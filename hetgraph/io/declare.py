"""Tables with the meaning of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hetgraph.data.schema import EdgeType

__all__ = ["EdgeTable", "NodeTable", "Tables"]


@dataclass(frozen=True)
class NodeTable:
    """A table with one row a node, and what its columns mean.

    Args:
        table: A pandas ``DataFrame``, a pyarrow ``Table``, anything with the Arrow interface, a
            mapping of columns, or the path of a Parquet, CSV or TSV file.
        id: Column with the unique ids, of any type; ``None``: the row numbers are the ids.
        features: Columns of numbers, or of lists of numbers, that become dense features.
        sparse: Column of Arrow maps ``{feature: value}`` that become sparse features.
        sparse_dim: Width of the sparse features; ``None``: one more than the largest feature.
        category: Column of integers or texts that become one category a node.
        text: Column with a text a node.
        dtype: Floating dtype of the features.
    """

    table: Any
    id: str | None = "id"
    features: Sequence[str] = ()
    sparse: str | None = None
    sparse_dim: int | None = None
    category: str | None = None
    text: str | None = None
    dtype: str = "float32"


@dataclass(frozen=True)
class EdgeTable:
    """A table with one row an edge, and what its columns mean.

    Args:
        table: As for :class:`NodeTable`.
        src: Column with the ids of the source nodes.
        dst: Column with the ids of the destination nodes.
        weight: Column with a weight an edge.
        time: Column of numbers, dates or timestamps with the time of an edge.
        features: Columns of numbers, or of lists of numbers, with edge features.
        dtype: Floating dtype of weights and features.
    """

    table: Any
    src: str = "src"
    dst: str = "dst"
    weight: str | None = None
    time: str | None = None
    features: Sequence[str] = ()
    dtype: str = "float32"


@dataclass(frozen=True)
class Tables:
    """A graph as declared tables; ``from_tables(t.nodes, t.edges, reverses=t.reverses)``."""

    nodes: Mapping[str, NodeTable]
    edges: Mapping[EdgeType, EdgeTable]
    reverses: tuple[tuple[EdgeType, EdgeType], ...] = ()
