"""A small data set of node importance, shared by the tests of its models."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hetgraph.data import Dataset, EdgeType, HeteroGraph, Hypergraph, NodeValues, Relation

ITEMS, TAGS, KNOWN = 60, 7, 52


@pytest.fixture
def importance_dataset() -> Callable[..., Dataset]:
    """Factory of items linked by two relations and to tags; values grow with the degree.

    The last eight items have no value, and the very last no edge; hyperedges overlap.
    """
    return _make


def _make(seed: int = 0, *, edges: bool = True, sets: bool = True) -> Dataset:
    generator = torch.Generator().manual_seed(seed)

    def relation(src: int, dst: int, count: int) -> Relation:
        ends = [torch.randint(n, (count,), generator=generator) for n in (src, dst)]
        ends[0] = (ends[0].double() ** 2 / src).long()  # some have many edges
        return Relation.from_edges(*ends, *(ITEMS if n == ITEMS - 1 else n for n in (src, dst)))

    likes, near = relation(ITEMS - 1, ITEMS - 1, 200), relation(ITEMS - 1, ITEMS - 1, 60)
    tagged = relation(ITEMS - 1, TAGS, 120)
    degree = (likes.degree + likes.transpose.degree).double()
    noise = torch.rand(ITEMS, generator=generator, dtype=torch.float64)
    index = torch.arange(KNOWN)
    keys = [EdgeType("item", "likes", "item"), EdgeType("item", "near", "item")]
    keys += [EdgeType("item", "tagged", "tag")]
    graph = HeteroGraph(
        num_nodes={"item": ITEMS, "tag": TAGS},
        relations=dict(zip(keys, (likes, near, tagged), strict=True)) if edges else {},
        features={
            "item": torch.randn(ITEMS, 5, generator=generator),
            "tag": torch.randn(TAGS, 3, generator=generator),
        },
    )
    if edges:
        graph = graph.with_reverses()
    groups = Hypergraph.from_sets(
        [range(0, 20), range(15, 40), [*range(40, 59, 2), 62], [3]],
        [0, 1, 1, 0],
        num_nodes=graph.num_nodes,
    )
    return Dataset(
        "toy/importance",
        graph,
        values=NodeValues("item", index, (10 * degree + 30 * noise)[index], "visits"),
        hypergraphs={"groups": groups} if sets else {},
        task="node-importance",
    )
