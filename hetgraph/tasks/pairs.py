"""Pairs of nodes: held out for validation, and taken out of what methods see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError, suggest
from hetgraph.tasks.predictions import PairPredictions, Predictions
from hetgraph.tasks.spec import TaskSpec

__all__ = [
    "check_relations",
    "hold_out_links",
    "is_finite",
    "oriented",
    "pair_rows",
    "with_pairs",
    "without_pairs",
]


def check_relations(dataset: Dataset, keys: Sequence[EdgeType]) -> None:
    """Fails when a graph does not have the relations whose links are asked for.

    Raises:
        DataError: Naming all that are missing.
    """
    names = [str(key) for key in dataset.graph.edge_types]
    missing = [str(key) for key in keys if key not in dataset.graph.relations]
    if missing:
        raise DataError(
            f"{dataset.name}: links of ({'), ('.join(missing)}) are held out, but the graph has no "
            f"such relation to learn from.{suggest(missing[0], names)}"
        )


def hold_out_links(pairs: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """Draws links to hold out; every source keeps one at least, as in HGB.

    Args:
        pairs: ``[2, n]`` distinct links, sources in the first row.
        fraction: Fraction to hold out of those beyond the one that a source keeps.
        generator: Source of chance.

    Returns:
        ``[2, num_held]`` in the order of ``pairs``.
    """
    order = torch.randperm(pairs.shape[1], generator=generator)
    by_source = pairs[0, order].argsort(stable=True)
    source = pairs[0, order[by_source]]
    spare = torch.zeros(order.numel(), dtype=torch.bool)
    spare[by_source[1:]] = source[1:] == source[:-1]  # all but the first one of a source
    free = order[spare]
    chosen = free[: round(fraction * free.numel())].sort().values
    return pairs[:, chosen]


def oriented(edge_type: EdgeType, other: EdgeType, pairs: Tensor) -> Iterator[Tensor]:
    """Yields pairs of a relation as edges of another one between the same types would hold them.

    Args:
        edge_type: The relation that the pairs are of.
        other: Another relation; yields nothing if it joins other types.
        pairs: ``[2, n]``.
    """
    ends = (edge_type.src, edge_type.dst)
    if (other.src, other.dst) == ends:
        yield pairs
    if (other.dst, other.src) == ends:
        yield pairs.flip(0)


def without_pairs(graph: HeteroGraph, edge_type: EdgeType, pairs: Tensor) -> HeteroGraph:
    """Takes pairs out of every relation between the two types, in either direction.

    Args:
        graph: The graph.
        edge_type: The relation that the pairs are of.
        pairs: ``[2, n]``.
    """
    for other in graph.edge_types:
        for src, dst in oriented(edge_type, other, pairs):
            graph = graph.without_edges(other, src, dst)
    return graph


def pair_rows(predictions: Predictions, spec: TaskSpec) -> PairPredictions:
    """Returns predictions in main memory, checked against a task about pairs.

    Raises:
        DataError: If they are of nodes, or vectors are missing or of another number.
    """
    if not isinstance(predictions, PairPredictions):
        raise DataError(
            f"predictions are {type(predictions).__name__}, expected PairPredictions: vectors of "
            "both ends and a decoder."
        )
    here = predictions.cpu()
    for name in spec.ends:
        rows = here.vectors[name].shape[0] if name in here.vectors else 0
        if rows != spec.num_nodes[name]:
            raise DataError(
                f"predictions hold {rows} vectors of {name!r}, expected {spec.num_nodes[name]}, "
                "one per node."
            )
    return here


def with_pairs(graph: HeteroGraph, edge_type: EdgeType, pairs: Tensor) -> HeteroGraph:
    """Adds edges to a relation and its declared reverse.

    A relation that is its own reverse gets them in both directions. Weights, features and times are
    not known of new edges: they get the mean weight and features of the relation, and its latest
    time.

    Args:
        graph: The graph.
        edge_type: The relation.
        pairs: ``[2, n]``.
    """
    reverse = graph.schema.reverse_of(edge_type)
    if reverse == edge_type:
        pairs = torch.unique(torch.cat([pairs, pairs.flip(0)], dim=1), dim=1)
    relations = {**graph.relations, edge_type: _longer(graph.relations[edge_type], pairs)}
    if reverse is not None and reverse != edge_type:
        # Not the transpose of the longer relation: a reverse may have weights of its own.
        relations[reverse] = _longer(graph.relations[reverse], pairs.flip(0))
    return graph.replace(relations=relations)


def _longer(relation: Relation, pairs: Tensor) -> Relation:
    src, dst = torch.cat([torch.stack(relation.edges()), pairs], dim=1)
    new: dict[str, Tensor] = {}
    if relation.weight is not None:
        weight = relation.weight
        mean = weight.double().mean() if weight.numel() else weight.new_ones(())
        new["weight"] = mean.to(weight.dtype).expand(pairs.shape[1])
    if relation.edge_features is not None:
        mean = relation.edge_features.sum(0) / max(relation.num_edges, 1)
        new["edge_features"] = mean.expand(pairs.shape[1], -1)
    if (time := relation.edge_time) is not None:
        latest = time.max() if time.numel() else time.new_zeros(())
        new["edge_time"] = latest.expand(pairs.shape[1])
    carried = {name: torch.cat([getattr(relation, name), given]) for name, given in new.items()}
    return Relation.from_edges(src, dst, relation.num_src, relation.num_dst, **carried)


def is_finite(predictions: Predictions) -> bool:
    """Whether all vectors of predictions of pairs are finite."""
    vectors = predictions.vectors.values() if isinstance(predictions, PairPredictions) else ()
    return all(bool(torch.isfinite(x).all()) for x in vectors)
