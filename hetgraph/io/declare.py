"""Declarations of tables: which column means what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hetgraph.data.schema import EdgeType

__all__ = ["EdgeTable", "NodeTable", "Tables"]


@dataclass(frozen=True)
class NodeTable:
    """A table with one row per node, and the meaning of its columns.

    Args:
        table: A pandas ``DataFrame``, a pyarrow ``Table``, anything with the Arrow interface, a
            mapping of columns, or the path of a Parquet, CSV or TSV file.
        id: Column of unique ids, of any type; ``None``: the row numbers are the ids.
        features: Columns of numbers or of lists of numbers, as dense features.
        sparse: Column of Arrow maps ``{feature: value}``, as sparse features.
        sparse_dim: Dim of the sparse features; ``None``: one more than the largest feature.
        category: Column of integers or texts, as one category per node.
        text: Column with the texts of the nodes.
        dtype: Floating-point dtype of the features.

    Example:
        >>> NodeTable({"id": [7, 9], "year": [1999, 2001]}, features=["year"]).id
        'id'
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
    """A table with one row per edge, and the meaning of its columns.

    Args:
        table: As for :class:`NodeTable`.
        src: Column with the ids of the source nodes.
        dst: Column with the ids of the destination nodes.
        weight: Column of edge weights.
        time: Column of edge times: numbers, dates or timestamps.
        features: Columns of numbers or of lists of numbers, as edge features.
        dtype: Floating-point dtype of weights and features.

    Example:
        >>> EdgeTable({"who": ["ann"], "what": [7]}, src="who", dst="what").weight is None
        True
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
    """A graph as declared tables, as :func:`to_tables` returns it.

    Args:
        nodes: Node tables by node type.
        edges: Edge tables by edge type.
        reverses: Pairs of edge types that hold the same edges in opposite directions.

    Example:
        >>> Tables({"paper": NodeTable({"id": [7, 9]})}, {}).reverses
        ()
    """

    nodes: Mapping[str, NodeTable]
    edges: Mapping[EdgeType, EdgeTable]
    reverses: tuple[tuple[EdgeType, EdgeType], ...] = ()
