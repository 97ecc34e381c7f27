"""Which links are learned from and which are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Links
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.seeds import Seeds
from hetgraph.tasks.link_options import LinkPredictionOptions
from hetgraph.tasks.pairs import hold_out_links, without_pairs

__all__ = ["draw_validation", "edges_of", "find_split", "kinds_of", "without_telling"]


def find_split(dataset: Dataset, name: str) -> tuple[str, Links]:
    """Returns a link split by its name, and the name; the first one without a name."""
    if not dataset.links:
        raise DataError(f"{dataset.name} has no held-out links, so nothing can be predicted.")
    links: Mapping[str, Links] = dataset.links
    chosen = name or next(iter(links))
    if chosen not in links:
        raise ConfigError(f"{dataset.name} has no link split {name!r}.{suggest(name, links)}")
    return chosen, links[chosen]


def kinds_of(links: Tensor, kinds: Tensor | None) -> Tensor:
    """Returns ``[n]`` positions of relations; zeros where there is only one."""
    return torch.zeros(links.shape[1], dtype=torch.int64) if kinds is None else kinds


def edges_of(graph: HeteroGraph, keys: Sequence[EdgeType]) -> tuple[Tensor, Tensor]:
    """Returns the ``[2, n]`` edges of relations, and ``[n]`` the positions of these."""
    edges = [torch.stack(graph.relations[key].edges()) for key in keys]
    sizes = torch.tensor([pairs.shape[1] for pairs in edges])
    return torch.cat(edges, dim=1), torch.arange(len(keys)).repeat_interleave(sizes)


def without_telling(
    graph: HeteroGraph, key: EdgeType, held: Tensor, options: LinkPredictionOptions
) -> HeteroGraph:
    """Takes out of a graph what tells held-out links, as far as the options ask for it.

    Args:
        graph: The graph, without the links themselves.
        key: The relation of the links.
        held: ``[2, n]`` links.
        options: ``hide_mirrors`` and ``hide_parallel``.
    """
    if options.hide_mirrors and key.src == key.dst:
        graph = graph.without_edges(key, held[1], held[0])
    if options.hide_parallel:
        apart = without_pairs(graph.without_relation(key), key, held)
        graph = graph.replace(relations={**graph.relations, **apart.relations})
    return graph


def draw_validation(
    graph: HeteroGraph, keys: Sequence[EdgeType], fraction: float, seeds: Seeds
) -> tuple[Tensor, Tensor]:
    """Draws ``[2, n]`` validation links and returns ``[n]`` the positions of their relations.

    Raises:
        DataError: If no source has a link to spare.
    """
    held, kinds = [], []
    for position, key in enumerate(keys):
        pairs = torch.stack(graph.relations[key].edges())
        if graph.schema.reverse_of(key) == key:
            pairs = pairs[:, pairs[0] < pairs[1]]  # one direction of each
        num_dst = graph.num_nodes[key.dst]
        codes = torch.unique(pairs[0] * num_dst + pairs[1])
        distinct = torch.stack([codes // num_dst, codes % num_dst])
        names = ("validation links",) if not position else ("validation links", str(key))
        generator = seeds.generator("split", *names)
        held.append(hold_out_links(distinct, fraction, generator))
        kinds.append(torch.full((held[-1].shape[1],), position))
    both = torch.cat(held, dim=1)
    if not both.shape[1]:
        raise DataError(
            f"no {keys[0].src} has edges of ({keys[0]}) to spare, so none can be held out; "
            "raise task.valid_fraction or give the data set validation links."
        )
    return both, torch.cat(kinds)
