"""The typed neighbourhood of a few nodes, drawn relation by relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError

__all__ = ["Neighbourhood", "sample_neighbourhood"]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """A part of a graph with nodes of its own numbers.

    Args:
        nodes: ``[n]`` int64 ids in the whole graph by type, the seeds first; every type is there.
        relations: ``[num_dst, num_src]`` edges between these nodes; every relation is there, with
            no entry if need be.
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
    """Draws what can send messages to the seeds within ``len(fanouts)`` hops.

    In each hop every relation gives each node reached so far at most ``fanout`` of its edges, drawn
    without replacement. O(edges of the nodes reached); the size of the graph does not count.

    Args:
        relations: Rows are destinations.
        num_nodes: Number of nodes by type.
        seeds: ``[n]`` distinct ids by type, the first nodes of the result.
        fanouts: Edges of a node and a relation, by hop.
        generator: Source of chance.
        max_nodes: Most nodes of a type; the seeds stay, then those that were reached first.
        edges: ``"sampled"`` keeps the edges that were drawn, ``"induced"`` all between the nodes.

    Raises:
        ConfigError: If a fan-out is below 1, or ``max_nodes`` is.
    """
    if any(one < 1 for one in fanouts) or (max_nodes is not None and max_nodes < 1):
        raise ConfigError(
            f"fanouts are {list(fanouts)} and max_nodes is {max_nodes}, expected 1 or more each."
        )
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
        for name, found in reached.items():
            new = torch.unique(torch.cat([empty, *found]))
            new = new[~torch.isin(new, nodes[name])]
            if max_nodes is not None:
                free = max(max_nodes - nodes[name].numel(), 0)
                order = torch.randperm(new.numel(), generator=generator)
                new = new[order[:free].sort().values]
            nodes[name], frontier[name] = torch.cat([nodes[name], new]), new
    if edges == "induced":
        pairs = {key: _incoming(one, nodes[key.dst]) for key, one in relations.items()}
    else:
        pairs = {
            key: (torch.cat([a for a, _ in found]), torch.cat([b for _, b in found]))
            if found
            else (empty, empty)
            for key, found in drawn.items()
        }
    return Neighbourhood(nodes, {key: _local(*pairs[key], key, nodes) for key in relations})


def _draw(
    relation: CSR, rows: Tensor, fanout: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Returns destinations and sources of at most ``fanout`` entries of each row."""
    part = relation.rows(rows)
    place, src = part.coo()
    lottery = torch.rand(src.numel(), generator=generator, dtype=torch.float64)
    order = torch.argsort(place + lottery)  # by row, within it by chance
    kept = order[torch.arange(src.numel()) - part.indptr.long()[place] < fanout]
    return rows[place[kept]], src[kept]


def _incoming(relation: CSR, rows: Tensor) -> tuple[Tensor, Tensor]:
    place, src = relation.rows(rows).coo()
    return rows[place], src


def _local(dst: Tensor, src: Tensor, key: EdgeType, nodes: Mapping[str, Tensor]) -> CSR:
    """The edges with local numbers; those that leave the nodes are dropped."""
    rows, known_rows = _places(dst, nodes[key.dst])
    cols, known_cols = _places(src, nodes[key.src])
    both = known_rows & known_cols
    shape = (nodes[key.dst].numel(), nodes[key.src].numel())
    return CSR.from_coo(rows[both], cols[both], shape)


def _places(ids: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the place of each id among the nodes, and whether it is one of them."""
    if not nodes.numel():
        return torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
    ordered, order = nodes.sort()
    at = torch.searchsorted(ordered, ids).clamp(max=ordered.numel() - 1)
    return order[at], ordered[at] == ids
