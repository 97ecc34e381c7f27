"""A summary of a graph: one table of node types and one of edge types."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from hetgraph.data.content import GraphContent
from hetgraph.data.csr import CSR
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.listing import Listing

__all__ = ["EdgeRow", "NodeRow", "Summary", "summarize"]

Array = np.ndarray[Any, Any]
Quartiles = tuple[float, float, float, float, float]

_BLOCK = 1 << 22
_WIDE = 200
"""Columns of the text where there is no terminal."""
_NO_QUARTILES: Quartiles = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class NodeRow:
    """The summary of one node type.

    Args:
        node_type: Name of the type.
        count: Number of nodes.
        kind: Kind of the features.
        dim: Dimension of the features, or number of categories.
        density: Fraction of non-zero values; ``None`` without vectors.
        isolated: Number of nodes without an edge in any relation.
        has_ids: Whether the user's own ids are stored.
        has_text: Whether the nodes have text.
    """

    node_type: str
    count: int
    kind: str
    dim: int
    density: float | None
    isolated: int
    has_ids: bool
    has_text: bool


@dataclass(frozen=True)
class EdgeRow:
    """The summary of one edge type.

    Args:
        edge_type: The triple.
        count: Number of edges, parallel ones included.
        out_degree: Minimum, quartiles and maximum of the number of edges per source node.
        in_degree: The same per destination node.
        parallel: Number of edges with the same ends as an earlier one.
        self_loops: Number of edges from a node to itself.
        carries: Data on the edges: ``"weight"``, ``"8 features"``, ``"time"``.
        reverse: The declared reverse.
    """

    edge_type: EdgeType
    count: int
    out_degree: Quartiles
    in_degree: Quartiles
    parallel: int
    self_loops: int
    carries: tuple[str, ...]
    reverse: EdgeType | None


@dataclass(frozen=True)
class Summary:
    """Rows by node type and by edge type; printable by rich, plain text with ``str()``."""

    title: str
    nodes: tuple[NodeRow, ...]
    edges: tuple[EdgeRow, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.title, style="bold")
        yield Text()
        yield _node_table(self.nodes)
        if self.edges:
            yield Text()
            yield _edge_table(self.edges)
            yield Text("degrees: min / 25 % / median / 75 % / max of the edges of one node")

    def __str__(self) -> str:
        buffer = io.StringIO()
        width = get_terminal_size().columns if sys.stdout.isatty() else _WIDE
        console = Console(file=buffer, width=width, no_color=True, force_terminal=False)
        console.print(self)
        return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def summarize(graph: GraphContent) -> Summary:
    """Returns the summary of a graph, in O(nodes + edges + features)."""
    touched = {key: np.zeros(count, dtype=bool) for key, count in graph.num_nodes.items()}
    edges = []
    for edge_type, relation in graph.relations.items():
        row, out_degree, in_degree = _edge_row(edge_type, relation, graph)
        touched[edge_type.src] |= out_degree > 0
        touched[edge_type.dst] |= in_degree > 0
        edges.append(row)
    nodes = [
        NodeRow(
            node_type=key,
            count=count,
            kind=graph.schema.node_types[key].kind,
            dim=graph.schema.node_types[key].dim,
            density=_density(graph.features.get(key)),
            isolated=int(count - touched[key].sum()),
            has_ids=key in graph.ids,
            has_text=key in graph.text,
        )
        for key, count in graph.num_nodes.items()
    ]
    return Summary(repr(graph).removeprefix("HeteroGraph(")[:-1], tuple(nodes), tuple(edges))


# ------------------------------------------------------------------------------ counting


def _edge_row(
    edge_type: EdgeType, relation: Relation, graph: GraphContent
) -> tuple[EdgeRow, Array, Array]:
    indptr, indices = relation.indptr.cpu().numpy(), relation.indices.cpu().numpy()
    in_degree = np.diff(indptr)
    out_degree = _count(indices, relation.num_src)
    carries = []
    if relation.weight is not None:
        carries.append("weight")
    if relation.edge_features is not None:
        carries.append(f"{relation.edge_features.shape[1]} features")
    if relation.edge_time is not None:
        carries.append("time")
    row = EdgeRow(
        edge_type=edge_type,
        count=relation.num_edges,
        out_degree=_quartiles(out_degree),
        in_degree=_quartiles(in_degree),
        parallel=_num_parallel(indptr, indices),
        self_loops=_num_self_loops(indptr, indices) if edge_type.src == edge_type.dst else 0,
        carries=tuple(carries),
        reverse=graph.schema.reverse_of(edge_type),
    )
    return row, out_degree, in_degree


def _count(indices: Array, size: int) -> Array:
    """Returns how often each id occurs; in blocks, as ``bincount`` casts its input to int64."""
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, indices.size, _BLOCK):
        counts += np.bincount(indices[start : start + _BLOCK], minlength=size)
    return counts


def _quartiles(degree: Array) -> Quartiles:
    if not degree.size:
        return _NO_QUARTILES
    low, first, median, third, high = np.percentile(degree, [0, 25, 50, 75, 100])
    return float(low), float(first), float(median), float(third), float(high)


def _num_parallel(indptr: Array, indices: Array) -> int:
    """Counts entries equal to the previous one of the row, whose columns are sorted."""
    equal = indices[1:] == indices[:-1]
    starts = indptr[1:-1]
    starts = starts[(starts > 0) & (starts < indices.size)]
    equal[starts - 1] = False
    return int(np.count_nonzero(equal))


def _num_self_loops(indptr: Array, indices: Array) -> int:
    """Counts entries on the diagonal, in blocks of rows to bound the memory."""
    total, rows = 0, indptr.size - 1
    step = max(1, int(rows * _BLOCK / max(indices.size, 1)))
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        row_ids = np.repeat(np.arange(start, stop), np.diff(indptr[start : stop + 1]))
        total += int(np.count_nonzero(indices[indptr[start] : indptr[stop]] == row_ids))
    return total


def _density(features: Any) -> float | None:
    if features is None or not (isinstance(features, CSR) or features.is_floating_point()):
        return None
    if isinstance(features, CSR):
        cells, filled = features.num_rows * features.num_cols, features.nnz
    else:
        cells, filled = features.numel(), int(features.count_nonzero())
    return filled / cells if cells else None


# ------------------------------------------------------------------------------ printing


def _node_table(rows: Sequence[NodeRow]) -> Listing:
    words = (("ids", "has_ids"), ("text", "has_text"))
    columns = {
        "node type": [row.node_type for row in rows],
        "nodes": [f"{row.count:,}" for row in rows],
        "features": [row.kind for row in rows],
        "dim": [_number(row.dim) for row in rows],
        "density": ["" if row.density is None else f"{100 * row.density:.3g} %" for row in rows],
        "isolated": [_number(row.isolated) for row in rows],
        "also": [", ".join(word for word, has in words if getattr(row, has)) for row in rows],
    }
    return _table(columns, left={"features", "also"})


def _edge_table(rows: Sequence[EdgeRow]) -> Listing:
    columns = {
        "edge type": [str(row.edge_type) for row in rows],
        "edges": [f"{row.count:,}" for row in rows],
        "out of a source": [_degrees(row.out_degree) for row in rows],
        "into a destination": [_degrees(row.in_degree) for row in rows],
        "parallel": [_number(row.parallel) for row in rows],
        "self loops": [_number(row.self_loops) for row in rows],
        "carry": [", ".join(row.carries) for row in rows],
        "reverse": [_reverse(row) for row in rows],
    }
    return _table(columns, left={"carry", "reverse"})


def _table(columns: dict[str, list[str]], *, left: set[str]) -> Listing:
    """Returns a table of text columns without those that are empty."""
    first, *others = columns
    shown = [name for name in others if any(columns[name])]
    table = Listing(first, *shown, right=[name for name in shown if name not in left], boxed=False)
    for cells in zip(*(columns[name] for name in (first, *shown)), strict=True):
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _number(count: int) -> str:
    """Formats a count; zeros stay blank, so that other counts stand out."""
    return f"{count:,}" if count else ""


def _degrees(quartiles: Quartiles) -> str:
    return " / ".join(f"{value:,.6g}" for value in quartiles)


def _reverse(row: EdgeRow) -> str:
    if row.reverse is None:
        return ""
    return "itself" if row.reverse == row.edge_type else row.reverse.name
