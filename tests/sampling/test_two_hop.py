"""Two-hop negative samples against Python sets."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch

from hetgraph.data import CSR, HeteroGraph
from hetgraph.errors import SchemaError
from hetgraph.sampling import TwoHopSampler, linked_pairs

Node = tuple[str, int]
ENDS = [("author", "paper"), ("paper", "paper"), ("term", "author")]


def neighbours(graph: HeteroGraph) -> dict[Node, set[Node]]:
    """Of every node, over all relations and in both directions."""
    actual: dict[Node, set[Node]] = {
        (kind, i): set() for kind, n in graph.num_nodes.items() for i in range(n)
    }
    for key, relation in graph.relations.items():
        for s, d in zip(*(one.tolist() for one in relation.edges()), strict=True):
            actual[key.src, s].add((key.dst, d))
            actual[key.dst, d].add((key.src, s))
    return actual


@pytest.mark.parametrize(
    ("src", "dst"), [("author", "paper"), ("paper", "paper"), ("term", "author")]
)
def test_candidates_share_a_neighbour_and_are_not_linked(
    random_graph: Callable[..., HeteroGraph], src: str, dst: str
) -> None:
    graph = random_graph(num_edges=25)
    near = neighbours(graph)
    linked = linked_pairs(graph, src, dst)
    rows = torch.arange(graph.num_nodes[src]).flip(0)
    actual = TwoHopSampler(graph, src, dst, linked).candidates(rows).to_dense().bool()
    for at, other in product(range(len(rows)), range(graph.num_nodes[dst])):
        one, two = (src, int(rows[at])), (dst, other)
        expected = bool(near[one] & near[two]) and two not in near[one]
        assert bool(actual[at, other]) == expected


def test_draws_are_uniform_over_the_candidates(random_graph: Callable[..., HeteroGraph]) -> None:
    graph = random_graph(num_edges=25)
    sampler = TwoHopSampler(graph, "author", "paper", linked_pairs(graph, "author", "paper"))
    rows = torch.arange(graph.num_nodes["author"])
    table = sampler.candidates(rows).to_dense()
    assert bool((table.sum(1) == 0).any())  # the isolated author, at least
    many = rows.repeat(2000)
    drawn = sampler.draw(many, torch.Generator().manual_seed(0))
    assert bool((drawn[table[many].sum(1) == 0] == -1).all())
    got = drawn >= 0
    counts = torch.zeros_like(table).index_put(
        (many[got], drawn[got]), torch.ones(int(got.sum())), accumulate=True
    )
    share = table / table.sum(1, keepdim=True).clamp(min=1)
    assert float((counts / 2000 - share).abs().max()) < 0.05
    again = sampler.draw(many, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)


def test_nothing_to_draw_from() -> None:
    graph = HeteroGraph(num_nodes={"a": 3, "b": 2}, relations={})
    sampler = TwoHopSampler(graph, "a", "b", CSR.from_dense(torch.zeros(3, 2)))
    assert sampler.draw(torch.tensor([0, 2]), torch.Generator()).tolist() == [-1, -1]
    assert sampler.draw(torch.zeros(0, dtype=torch.int64), torch.Generator()).tolist() == []


def test_an_unknown_type_is_told(toy_graph: HeteroGraph) -> None:
    with pytest.raises(SchemaError, match="Did you mean 'paper'"):
        linked_pairs(toy_graph, "author", "papr")
