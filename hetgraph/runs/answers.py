"""Answers as tables: the user's ids, classes by name, probabilities, numbers, top candidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.methods import RelevanceRow
from hetgraph.runs.moved import Moved
from hetgraph.tasks import Origin, Outputs, PairPredictions

__all__ = [
    "Candidates",
    "in_blocks",
    "node_answers",
    "pair_answers",
    "relevance_table",
    "top_answers",
    "vector_answers",
]

BLOCK_ROWS = 65_536
"""Rows that are computed at a time; always as many, as the last digits depend on it."""

_SCORES = 1 << 24
"""Scores of candidates that are in memory at a time: 64 MiB."""


@dataclass(frozen=True)
class Candidates:
    """Which candidates are listed for each source.

    Args:
        top: Most of each list.
        known: ``[num_src, num_dst]`` pairs that are left out, by relation.
    """

    top: int
    known: dict[EdgeType, CSR]


def node_answers(
    moved: Moved, nodes: Tensor, *, embeddings: bool = False
) -> Iterator[pa.RecordBatch]:
    """Yields what is predicted of nodes, in blocks of rows; an empty first block has the columns.

    Args:
        moved: The model on its graph.
        nodes: ``[n]`` int64 nodes of the target type.
        embeddings: Whether each row has the vector of its node, too.
    """
    origin, target = _origin(moved), moved.model.spec.target
    outputs, vectors = moved.of_nodes(nodes, vectors=embeddings)
    for start in range(0, max(nodes.numel(), 1), BLOCK_ROWS):
        own = slice(start, start + BLOCK_ROWS)
        columns = {"id": _ids(moved.graph, target, nodes[own])}
        columns |= _said(origin, outputs[own])
        if vectors is not None:
            columns["embedding"] = _lists(vectors[own])
        yield _batch(columns)


def pair_answers(moved: Moved, pairs: Tensor, relation: Tensor) -> Iterator[pa.RecordBatch]:
    """Yields what is predicted of pairs: scores, classes or numbers.

    Args:
        moved: The model on its graph.
        pairs: ``[2, n]`` int64 sources and destinations.
        relation: ``[n]`` int64 positions among the relations that the model was trained for.
    """
    origin, keys = _origin(moved), moved.model.spec.edge_types
    for start in range(0, max(relation.numel(), 1), BLOCK_ROWS):
        own, kinds = pairs[:, start : start + BLOCK_ROWS], relation[start : start + BLOCK_ROWS]
        outputs = torch.zeros(kinds.numel(), moved.model.spec.num_outputs)
        for position in range(len(keys)):
            chosen = kinds == position
            if bool(chosen.any()):
                made = moved.pairs.of(own[:, chosen], position).float()
                outputs[chosen] = made.reshape(-1, moved.model.spec.num_outputs)
        yield _batch({**_ends(moved.graph, keys, own, kinds), **_said(origin, outputs)})


def top_answers(
    moved: Moved,
    sources: Sequence[tuple[int, Tensor]],
    candidates: Candidates,
) -> Iterator[pa.RecordBatch]:
    """Yields the best candidates of each source, the best first.

    O(num_sources * num_candidates * dim), with a block of scores in memory.

    Args:
        moved: The model on its graph.
        sources: Positions of relations, and ``[n]`` int64 sources of each.
        candidates: How many are listed, and which are left out.
    """
    keys, empty = moved.model.spec.edge_types, torch.zeros(0, dtype=torch.int64)
    yield _batch(_listed(moved.graph, keys, 0, empty, empty, empty, torch.zeros(0)))
    for position, asked in sources:
        num_candidates = max(moved.graph.num_nodes[keys[position].dst], 1)
        size = min(BLOCK_ROWS, max(_SCORES // num_candidates, 1))
        for block in torch.split(asked, size):
            yield _batch(_top(moved, position, block, candidates))


def vector_answers(graph: HeteroGraph, predictions: PairPredictions) -> Iterator[pa.RecordBatch]:
    """Yields the vectors of all nodes of both ends, of a model of pairs."""
    for node_type, vectors in predictions.vectors.items():
        for start in range(0, len(vectors), BLOCK_ROWS):
            block = vectors[start : start + BLOCK_ROWS]
            nodes = torch.arange(start, start + len(block))
            # Ids of two types may differ in their Arrow type: both are written as text.
            ids = _ids(graph, node_type, nodes).cast(pa.string())
            types = pa.array([node_type] * len(block), pa.string())
            yield _batch({"node_type": types, "id": ids, "embedding": _lists(block)})


def in_blocks(batches: Iterable[pa.RecordBatch], rows: int | None) -> Iterator[pa.RecordBatch]:
    """Yields batches in blocks of at most so many rows; one without rows is kept."""
    for batch in batches:
        size = rows or max(batch.num_rows, 1)
        for start in range(0, max(batch.num_rows, 1), size):
            yield batch.slice(start, size)


def relevance_table(
    rows: Sequence[RelevanceRow], class_names: Sequence[str] | None = None
) -> pa.Table:
    """Returns weights of relations or meta-paths as a table.

    Args:
        rows: The weights.
        class_names: Names of the classes for a column ``class``, or none of them where classes are
            numbers; ``None``: no such column.
    """
    names = ("node_type", "relation", "order", "weight", "std")
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    if class_names is not None:
        known: Sequence[Any] = class_names
        columns["class"] = [
            row.label if row.label is None or not known else known[row.label] for row in rows
        ]
    return pa.table(columns)


def _top(
    moved: Moved, position: int, sources: Tensor, candidates: Candidates
) -> dict[str, pa.Array]:
    key = moved.model.spec.edge_types[position]
    scores = moved.pairs.candidates(sources, position)
    known = candidates.known[key].rows(sources)
    scores[known.row_ids, known.indices.long()] = -torch.inf
    if key.src == key.dst:
        scores[torch.arange(len(sources)), sources] = -torch.inf
    best = scores.topk(min(candidates.top, scores.shape[1]), dim=1)
    kept = best.values > -torch.inf
    rank = torch.arange(1, best.values.shape[1] + 1).expand_as(kept)
    who = sources.unsqueeze(1).expand_as(kept)
    keys = moved.model.spec.edge_types
    return _listed(
        moved.graph, keys, position, who[kept], rank[kept], best.indices[kept], best.values[kept]
    )


def _listed(
    graph: HeteroGraph,
    keys: Sequence[EdgeType],
    position: int,
    src: Tensor,
    rank: Tensor,
    dst: Tensor,
    scores: Tensor,
) -> dict[str, pa.Array]:
    kinds = torch.full_like(src, position)
    columns = _ends(graph, keys, torch.stack([src, dst]), kinds)
    return {**columns, "rank": pa.array(rank.numpy()), "score": pa.array(scores.numpy())}


def _ends(
    graph: HeteroGraph, keys: Sequence[EdgeType], pairs: Tensor, kinds: Tensor
) -> dict[str, pa.Array]:
    """Columns of both ends, and of the relation where there are several."""
    columns: dict[str, pa.Array] = {}
    for name, row, types in (
        ("src", pairs[0], [key.src for key in keys]),
        ("dst", pairs[1], [key.dst for key in keys]),
    ):
        columns[name] = _ids_of_types(graph, types, row, kinds)
    if len(keys) > 1:
        names = pa.array([str(key) for key in keys])
        columns["relation"] = names.take(pa.array(kinds.numpy()))
    return columns


def _ids_of_types(
    graph: HeteroGraph, types: Sequence[str], nodes: Tensor, kinds: Tensor
) -> pa.Array:
    """Ids of nodes of different types; as text where the types have different kinds of ids."""
    if len(set(types)) == 1:
        return _ids(graph, types[0], nodes)
    kept = {_ids(graph, name, nodes[:0]).type for name in types}
    common = next(iter(kept)) if len(kept) == 1 else pa.string()
    parts, order = [], []
    for position, name in enumerate(types):
        own = (kinds == position).nonzero().squeeze(1)
        parts.append(_ids(graph, name, nodes[own]).cast(common))
        order.append(own)
    place = torch.cat(order).argsort()
    return pa.concat_arrays(parts).take(pa.array(place.numpy()))


def _ids(graph: HeteroGraph, node_type: str, nodes: Tensor) -> pa.Array:
    """The user's ids, or numbers where there are none."""
    own = graph.ids.get(node_type)
    numbers = pa.array(nodes.numpy())
    return numbers if own is None else own.take(numbers)


def _said(origin: Origin, outputs: Tensor) -> dict[str, pa.Array]:
    """Columns of what is said of samples."""
    meaning = origin.outputs
    if meaning.kind == "number":
        return {"value": pa.array(meaning.numbers(outputs).numpy())}
    if meaning.kind == "score":
        return {"score": pa.array(outputs.reshape(-1).float().numpy())}
    probabilities = meaning.probabilities(outputs, origin.temperature).float()
    names: list[Any] = list(meaning.classes(outputs.shape[1]))
    columns = {"prediction": _chosen(meaning, outputs, pa.array(names))}
    if meaning.kind == "class":
        columns["probability"] = pa.array(probabilities.amax(1).numpy())
    for number, name in enumerate(names):
        columns[f"p_{name}"] = pa.array(probabilities[:, number].numpy())
    return columns


def _chosen(meaning: Outputs, logits: Tensor, names: pa.Array) -> pa.Array:
    """The likeliest class of each row, or the list of those above the threshold."""
    if meaning.kind == "class":
        return names.take(pa.array(logits.argmax(1).numpy()))
    above = logits.sigmoid() > meaning.threshold  # as the metrics count
    rows, classes = above.nonzero(as_tuple=True)
    ends = torch.zeros(len(above) + 1, dtype=torch.int32)
    ends[1:] = torch.bincount(rows, minlength=len(above)).cumsum(0)
    return pa.ListArray.from_arrays(pa.array(ends.numpy()), names.take(pa.array(classes.numpy())))


def _lists(vectors: Tensor) -> pa.Array:
    flat = pa.array(vectors.float().reshape(-1).numpy())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def _batch(columns: dict[str, pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _origin(moved: Moved) -> Origin:
    assert moved.model.origin is not None  # checked when it was moved
    return moved.model.origin
