"""Declarations of tables: which column means what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hetgraph.data.schema import EdgeType
from hetgraph.features.columns import Column

__all__ = ["EdgeTable", "Features", "NodeTable", "Tables", "columns_of"]

Features = str | Sequence[str | Column] | Mapping[str, Any]

_MEANINGS = ("id", "src", "dst", "weight", "time", "features", "sparse", "category", "text")


@dataclass(frozen=True)
class NodeTable:
    """A table with one row per node, and the meaning of its columns.

    Args:
        table: A pandas ``DataFrame``, a pyarrow ``Table``, anything with the Arrow interface, a
            mapping of columns, or the path of a Parquet, CSV, TSV or JSON lines file, of a folder
            of such files, or a list of paths; see :func:`hetgraph.io.sources.as_source`.
        id: Column of unique ids, of any type; ``None``: the row numbers are the ids.
        features: Columns as features: their names, a list of names and of
            :class:`hetgraph.features.columns.Column`, or a mapping from names to an encoder or
            options such as ``{"year": {"fill": "mean"}, "city": "onehot"}``. Without an encoder the
            type of the column decides.
        sparse: Column of Arrow maps ``{feature: value}``, as sparse features.
        sparse_dim: Dim of the sparse features; ``None``: one more than the largest feature.
        category: Column of integers, which are codes, or of texts, as one category per node.
        text: Column with the texts of the nodes.
        time: Column of the times from which on the nodes are there. It is read where the graph is
            cut at a time, see :func:`hetgraph.io.from_database`.
        dtype: Floating-point dtype of the features.
        separator: What separates the fields of a text file, such as ``";"`` or ``"::"``;
            ``None``: by the ending of the file.
        columns: Names of the columns of a text file without a header.

    Example:
        >>> NodeTable({"id": [7, 9], "year": [1999, 2001]}, features=["year"]).id
        'id'
    """

    table: Any
    id: str | None = "id"
    features: Features = ()
    sparse: str | None = None
    sparse_dim: int | None = None
    category: str | None = None
    text: str | None = None
    time: str | None = None
    dtype: str = "float32"
    separator: str | None = None
    columns: Sequence[str] | None = None


@dataclass(frozen=True)
class EdgeTable:
    """A table with one row per edge, and the meaning of its columns.

    Args:
        table: As for :class:`NodeTable`.
        src: Column with the ids of the source nodes.
        dst: Column with the ids of the destination nodes.
        weight: Column of edge weights.
        time: Column of edge times: numbers, dates or timestamps.
        features: Columns as edge features, as for :class:`NodeTable`.
        dtype: Floating-point dtype of weights and features.
        missing: ``"error"``, or ``"skip"``: a row in which an end is missing is no edge, as a
            foreign key may be empty.
        separator: As for :class:`NodeTable`.
        columns: As for :class:`NodeTable`.

    Example:
        >>> EdgeTable({"who": ["ann"], "what": [7]}, src="who", dst="what").weight is None
        True
    """

    table: Any
    src: str = "src"
    dst: str = "dst"
    weight: str | None = None
    time: str | None = None
    features: Features = ()
    dtype: str = "float32"
    missing: Literal["error", "skip"] = "error"
    separator: str | None = None
    columns: Sequence[str] | None = None


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


def columns_of(table: NodeTable | EdgeTable) -> dict[str, list[str]]:
    """Returns the columns of a declared table by what they mean.

    Example:
        >>> columns_of(EdgeTable({"who": ["ann"], "what": [7]}, src="who", dst="what"))
        {'src': ['who'], 'dst': ['what']}
    """
    given = {name: getattr(table, name, None) for name in _MEANINGS}
    return {
        name: [str(getattr(column, "name", column)) for column in _listed(value)]
        for name, value in given.items()
        if value
    }


def _listed(value: Any) -> Iterable[Any]:
    return [value] if isinstance(value, (str, Column)) else value
