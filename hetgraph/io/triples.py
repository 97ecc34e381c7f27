"""Conversion from and to ``(head, relation, tail)`` triples of knowledge graphs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, FileFormatError
from hetgraph.io.ids import missing_row
from hetgraph.io.sources import as_source, plain, read_csv

__all__ = ["from_triples", "to_triples"]

Array = np.ndarray[Any, Any]


def from_triples(
    triples: Any,
    *,
    node_types: Mapping[Any, str] | None = None,
    type_relation: str | None = None,
    default_type: str = "entity",
    add_reverses: bool = False,
    name: str = "",
) -> HeteroGraph:
    """Builds a graph from triples, with one relation per relation name and pair of node types.

    Entities are texts. They are numbered in sorted order, so the graph does not depend on the
    order of the triples; ``graph.ids`` holds their names.

    Args:
        triples: A table or sequence of three columns (head, relation, tail), or the path of a
            tab-separated file without a header.
        node_types: Node types by entity; other entities get ``default_type``.
        type_relation: Name of a relation such as ``"rdf:type"`` whose tail is the node type of its
            head; its triples become node types, not edges.
        default_type: Node type of entities without another type.
        add_reverses: Add a declared reverse ``rev_<name>`` to every relation.
        name: Name of the graph.

    Raises:
        DataError: If there are not three columns, a value is missing, or an entity gets two types.
        FileFormatError: If the file cannot be read.

    Example:
        >>> graph = from_triples([("ann", "knows", "bob"), ("bob", "likes", "tea")])
        >>> graph.ids["entity"].to_pylist(), [key.name for key in graph.relations]
        (['ann', 'bob', 'tea'], ['knows', 'likes'])
    """
    head, relation, tail = _columns(triples)
    types = {str(key): str(value) for key, value in (node_types or {}).items()}
    if type_relation is not None:
        declares = np.asarray(pc.equal(relation, type_relation))
        pairs = zip(_selected(head, declares), _selected(tail, declares), strict=True)
        for entity, node_type in pairs:
            if types.setdefault(entity, node_type) != node_type:
                raise DataError(
                    f"entity {entity!r} has two types, {types[entity]!r} and {node_type!r}; keep "
                    "one."
                )
        edges = pa.array(~declares)
        head, relation, tail = (column.filter(edges) for column in (head, relation, tail))
    entities = pc.unique(pa.chunked_array([head, tail, pa.array(list(types), pa.large_string())]))
    entities = entities.sort()
    kinds = [types.get(entity, default_type) for entity in entities.to_pylist()]
    kind_names = sorted(set(kinds))
    code_of = {node_type: code for code, node_type in enumerate(kind_names)}
    kind: Array = np.array([code_of[node_type] for node_type in kinds], dtype=np.int64)
    ids = {
        node_type: entities.filter(pa.array(kind == code)) for node_type, code in code_of.items()
    }
    local = _local_numbers(kind, len(kind_names))
    src = pc.index_in(head, value_set=entities).to_numpy()
    dst = pc.index_in(tail, value_set=entities).to_numpy()
    counts = {node_type: len(column) for node_type, column in ids.items()}
    graph = HeteroGraph(
        num_nodes=counts,
        relations=_relations(relation, (src, dst), kind, local, kind_names, counts),
        ids=ids,
        name=name,
    )
    return graph.with_reverses() if add_reverses else graph


def to_triples(graph: HeteroGraph) -> pa.Table:
    """Returns all edges as a table with text columns ``head``, ``relation`` and ``tail``.

    Nodes are named by their ids, or by ``<type>:<number>`` if their type has no ids. Of a declared
    pair of reverses only the first is written; weights and features are left out.

    Example:
        >>> graph = from_triples([("ann", "knows", "bob")])
        >>> to_triples(graph).to_pylist()
        [{'head': 'ann', 'relation': 'knows', 'tail': 'bob'}]
    """
    second = {pair[1] for pair in graph.schema.reverses if pair[0] != pair[1]}
    names = {}
    for node_type, count in graph.num_nodes.items():
        if node_type in graph.ids:
            names[node_type] = plain(graph.ids[node_type]).cast(pa.large_string())
        else:
            numbered = [f"{node_type}:{number}" for number in range(count)]
            names[node_type] = pa.array(numbered, pa.large_string())
    tables = []
    for key, relation in graph.relations.items():
        if key not in second:
            src, dst = relation.edges()
            columns = {
                "head": names[key.src].take(pa.array(src.cpu().numpy())),
                "relation": pa.repeat(pa.scalar(key.name, pa.large_string()), len(src)),
                "tail": names[key.dst].take(pa.array(dst.cpu().numpy())),
            }
            tables.append(pa.table(columns))
    empty = pa.schema([(name, pa.large_string()) for name in ("head", "relation", "tail")])
    return pa.concat_tables([empty.empty_table(), *tables])


def _columns(triples: Any) -> tuple[pa.Array, pa.Array, pa.Array]:
    if isinstance(triples, (str, Path)):
        path = Path(triples)
        if not path.is_file():
            raise FileFormatError(f"{path}: there is no such file; check the path.")
        try:
            triples = read_csv(path, "\t", text=True, header=False, quotes=False)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise FileFormatError(
                f"{path} is not a tab-separated file of three columns ({reason})."
            ) from error
    elif isinstance(triples, (list, tuple)):
        if any(len(triple) != 3 for triple in triples):
            raise DataError("every triple must have a head, a relation and a tail.")
        triples = {
            key: [str(triple[place]) for triple in triples]
            for place, key in enumerate(("head", "relation", "tail"))
        }
    elif hasattr(triples, "shape") and not hasattr(triples, "columns"):
        if len(triples.shape) != 2 or triples.shape[1] != 3:
            raise DataError(f"triples have shape {list(triples.shape)}, expected [n, 3].")
        triples = dict(zip(("head", "relation", "tail"), np.asarray(triples).T, strict=True))
    source = as_source(triples, "triples")
    if len(source.names) != 3:
        raise DataError(
            f"triples have {len(source.names)} columns ({', '.join(source.names)}); expected head, "
            "relation and tail."
        )
    columns = []
    for name in source.names:
        column = source.column(name)
        row = missing_row(column)
        if row is not None:
            raise DataError(f"triples, column {name!r}, row {row} (from 0): the value is missing.")
        columns.append(column.cast(pa.large_string()))
    return columns[0], columns[1], columns[2]


def _selected(column: pa.Array, mask: Array) -> list[str]:
    selected: list[str] = column.filter(pa.array(mask)).to_pylist()
    return selected


def _local_numbers(kind: Array, num_kinds: int) -> Array:
    """Returns the node id of each entity within its type."""
    local = np.zeros(kind.size, dtype=np.int64)
    for code in range(num_kinds):
        members = kind == code
        local[members] = np.arange(np.count_nonzero(members))
    return local


def _relations(
    relation: pa.Array,
    ends: tuple[Array, Array],
    kind: Array,
    local: Array,
    kind_names: list[str],
    counts: Mapping[str, int],
) -> dict[EdgeType, Relation]:
    """Groups the triples by relation name and by both node types, with one sort."""
    known = pc.unique(relation).sort()
    code = pc.index_in(relation, value_set=known).to_numpy().astype(np.int64)
    src, dst = ends
    size = len(kind_names)
    group = (code * size + kind[src]) * size + kind[dst]
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    relations = {}
    stops = np.append(starts[1:], order.size)
    for number, start, stop in zip(present.tolist(), starts, stops[: starts.size], strict=True):
        rows = order[start:stop]
        name = known[number // (size * size)].as_py()
        key = EdgeType(kind_names[number // size % size], name, kind_names[number % size])
        relations[key] = Relation.from_edges(
            local[src[rows]], local[dst[rows]], counts[key.src], counts[key.dst]
        )
    return relations
