"""Sampled neighbourhoods of seed nodes, drawn per relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.sampling._checks import check_ids

__all__ = ["Neighbourhood", "sample_neighbourhood"]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """A sampled subgraph with local node ids.

    Args:
        nodes: ``[n]`` int64 ids in the whole graph by type, seeds first; includes every type.
        relations: ``[num_dst, num_src]`` edges between these nodes; includes every relation.

    Example:
        >>> writes = EdgeType("author", "writes", "paper")
        >>> relation = CSR.from_coo(torch.tensor([0, 1]), torch.tensor([2, 0]), (2, 3))
        >>> drawn = sample_neighbourhood(
        ...     {writes: relation},
        ...     {"author": 3, "paper": 2},
        ...     {"paper": torch.tensor([0])},
        ...     [10],
        ...     torch.Generator(),
        ... )
        >>> drawn.nodes["author"], drawn.relations[writes].to_dense()
        (tensor([2]), tensor([[1.]]))
    """

    nodes: Mapping[str, Tensor]
    relations: Mapping[EdgeType, CSR]


def sample_neighbourhood(
    relations: Mapping[EdgeType, CSR],
    num_nodes: Mapping[str, int],
    seeds: Mapping[str, Tensor],
    fanouts: Sequence[int],
    generator: torch.Generator,
    *,
    max_nodes: int | None = None,
    edges: Literal["sampled", "induced"] = "sampled",
) -> Neighbourhood:
    """Samples the nodes whose messages reach the seeds within ``len(fanouts)`` hops.

    In each hop, at most ``fanout`` edges per relation of each newly reached node are drawn without
    replacement. O(edges of the reached nodes), independent of the size of the graph.

    Args:
        relations: Edges by type; rows are destinations.
        num_nodes: Number of nodes by type.
        seeds: ``[n]`` distinct ids by type; the first nodes of the result.
        fanouts: Maximum number of edges per node and relation, by hop.
        generator: Random generator.
        max_nodes: Maximum number of nodes per type; seeds, then earlier hops take precedence.
        edges: ``"sampled"`` keeps the drawn edges, ``"induced"`` all edges between the nodes.

    Raises:
        ConfigError: If a fan-out or ``max_nodes`` is below 1.
        DataError: If seeds are of an unknown type, out of range, or repeated.

    Example:
        >>> writes = EdgeType("author", "writes", "paper")
        >>> relation = CSR.from_coo(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 2]), (2, 3))
        >>> drawn = sample_neighbourhood(
        ...     {writes: relation},
        ...     {"author": 3, "paper": 2},
        ...     {"paper": torch.tensor([1])},
        ...     [5],
        ...     torch.Generator().manual_seed(0),
        ... )
        >>> drawn.nodes["author"], drawn.relations[writes]
        (tensor([0, 2]), CSR(1 x 2, 2))
    """
    if any(fanout < 1 for fanout in fanouts) or (max_nodes is not None and max_nodes < 1):
        raise ConfigError(
            f"fanouts are {list(fanouts)} and max_nodes is {max_nodes}, expected 1 or more each."
        )
    _check_seeds(seeds, num_nodes)
    empty = torch.zeros(0, dtype=torch.int64)
    nodes = {name: seeds.get(name, empty).long() for name in num_nodes}
    frontier = dict(nodes)
    drawn: dict[EdgeType, list[tuple[Tensor, Tensor]]] = {key: [] for key in relations}
    for fanout in fanouts:
        reached: dict[str, list[Tensor]] = {name: [] for name in num_nodes}
        for key, relation in relations.items():
            dst, src = _draw(relation, frontier[key.dst], fanout, generator)
            drawn[key].append((dst, src))
            reached[key.src].append(src)
        for name, sources in reached.items():
            new = torch.unique(torch.cat([empty, *sources]))
            new = new[~torch.isin(new, nodes[name])]
            if max_nodes is not None:
                free = max(max_nodes - nodes[name].numel(), 0)
                order = torch.randperm(new.numel(), generator=generator)
                new = new[order[:free].sort().values]
            nodes[name], frontier[name] = torch.cat([nodes[name], new]), new
    if edges == "induced":
        pairs = {key: _incoming(csr, nodes[key.dst]) for key, csr in relations.items()}
    else:
        pairs = {
            key: (torch.cat([dst for dst, _ in hops]), torch.cat([src for _, src in hops]))
            if hops
            else (empty, empty)
            for key, hops in drawn.items()
        }
    return Neighbourhood(nodes, {key: _local(*pairs[key], key, nodes) for key in relations})


def _check_seeds(seeds: Mapping[str, Tensor], num_nodes: Mapping[str, int]) -> None:
    for name, ids in seeds.items():
        if name not in num_nodes:
            raise DataError(f"seeds of the unknown node type {name!r}.{suggest(name, num_nodes)}")
        check_ids(f"seeds of {name!r}", ids, num_nodes[name])
        if torch.unique(ids).numel() < ids.numel():
            raise DataError(
                f"seeds of {name!r} repeat a node; pass each once, torch.unique(seeds)."
            )


def _draw(
    relation: CSR, rows: Tensor, fanout: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Returns destinations and sources of at most ``fanout`` entries per row."""
    incoming = relation.rows(rows)
    place, src = incoming.coo()
    key = torch.rand(src.numel(), generator=generator, dtype=torch.float64)
    order = torch.argsort(place + key)  # by row, in random order within a row
    kept = order[torch.arange(src.numel()) - incoming.indptr.long()[place] < fanout]
    return rows[place[kept]], src[kept]


def _incoming(relation: CSR, rows: Tensor) -> tuple[Tensor, Tensor]:
    place, src = relation.rows(rows).coo()
    return rows[place], src


def _local(dst: Tensor, src: Tensor, key: EdgeType, nodes: Mapping[str, Tensor]) -> CSR:
    """Returns the edges with local ids, without those that leave the nodes."""
    rows, known_rows = _places(dst, nodes[key.dst])
    cols, known_cols = _places(src, nodes[key.src])
    both = known_rows & known_cols
    shape = (nodes[key.dst].numel(), nodes[key.src].numel())
    return CSR.from_coo(rows[both], cols[both], shape)


def _places(ids: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the position of each id among the nodes, and whether it is one of them."""
    if not nodes.numel():
        return torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
    ordered, order = nodes.sort()
    at = torch.searchsorted(ordered, ids).clamp(max=ordered.numel() - 1)
    return order[at], ordered[at] == ids
