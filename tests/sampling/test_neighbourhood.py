"""Neighbourhoods: seeds first, fan-outs respected, only existing edges."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError, DataError
from hetgraph.sampling import sample_neighbourhood


@pytest.fixture
def graph(random_graph: Callable[..., HeteroGraph]) -> HeteroGraph:
    return random_graph(num_nodes=30, num_edges=300)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("edges", ["sampled", "induced"])
def test_seeds_come_first_and_edges_exist(graph: HeteroGraph, edges: str) -> None:
    seeds = {"author": torch.tensor([7, 2])}
    drawn = sample_neighbourhood(
        graph.relations, graph.num_nodes, seeds, (3, 2), chance(), edges=edges
    )
    assert drawn.nodes["author"][:2].tolist() == [7, 2]
    assert set(drawn.nodes) == set(graph.num_nodes)
    assert set(drawn.relations) == set(graph.relations)
    for name, ids in drawn.nodes.items():
        assert torch.unique(ids).numel() == ids.numel() <= graph.num_nodes[name]
    for key, relation in drawn.relations.items():
        dst, src = relation.coo()
        whole = graph.relations[key]
        assert relation.shape == (len(drawn.nodes[key.dst]), len(drawn.nodes[key.src]))
        actual = set(zip(*(ids.tolist() for ids in whole.coo()), strict=True))
        mine = zip(
            drawn.nodes[key.dst][dst].tolist(), drawn.nodes[key.src][src].tolist(), strict=True
        )
        assert set(mine) <= actual
    if edges == "induced":
        induced = graph.subgraph(dict(drawn.nodes))
        sizes = {key: one.nnz for key, one in drawn.relations.items()}
        assert sizes == {key: one.num_edges for key, one in induced.relations.items()}


def test_no_node_gets_more_edges_than_the_fan_out(graph: HeteroGraph) -> None:
    seeds = {"paper": torch.arange(5)}
    drawn = sample_neighbourhood(graph.relations, graph.num_nodes, seeds, (2,), chance())
    for key, relation in drawn.relations.items():
        limit = graph.relations[key].degree[drawn.nodes[key.dst]].clamp(max=2)
        if key.dst == "paper":
            assert torch.equal(relation.degree[:5], limit[:5])
        assert bool((relation.degree <= 2).all())


def test_a_wide_fan_out_takes_all_and_draws_are_uniform(graph: HeteroGraph) -> None:
    key = next(one for one in graph.relations if one.name == "writes")
    relation = graph.relations[key]
    node = int(relation.degree.argmax())
    only, seeds = {key: relation}, {"paper": torch.tensor([node])}
    all_of_it = sample_neighbourhood(only, graph.num_nodes, seeds, (1000,), chance())
    assert all_of_it.relations[key].nnz == int(relation.degree[node])
    counts = torch.zeros(graph.num_nodes["author"])
    generator = chance(1)
    for _ in range(400):
        drawn = sample_neighbourhood(only, graph.num_nodes, seeds, (1,), generator)
        counts[drawn.nodes["author"]] += 1
    expected = torch.bincount(
        relation.rows(torch.tensor([node])).indices.long(), minlength=len(counts)
    )
    share = expected / expected.sum()
    assert float((counts / 400 - share).abs().max()) < 0.1


def test_caps_keep_the_seeds_and_drop_edges_to_what_is_left_out(graph: HeteroGraph) -> None:
    seeds = {"paper": torch.arange(4)}
    drawn = sample_neighbourhood(
        graph.relations, graph.num_nodes, seeds, (50, 50), chance(), max_nodes=6
    )
    assert all(ids.numel() <= 6 for ids in drawn.nodes.values())
    assert drawn.nodes["paper"][:4].tolist() == [0, 1, 2, 3]


def test_equal_generators_give_equal_samples_and_bad_sizes_are_refused(graph: HeteroGraph) -> None:
    seeds = {"author": torch.tensor([1])}
    one, other = (
        sample_neighbourhood(graph.relations, graph.num_nodes, seeds, (3, 3), chance(5))
        for _ in range(2)
    )
    assert all(torch.equal(one.nodes[k], other.nodes[k]) for k in one.nodes)
    nothing = sample_neighbourhood(graph.relations, graph.num_nodes, {}, (2,), chance())
    assert sum(ids.numel() for ids in nothing.nodes.values()) == 0
    with pytest.raises(ConfigError, match="expected 1 or more"):
        sample_neighbourhood(graph.relations, graph.num_nodes, seeds, (0,), chance())


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ({"autor": torch.tensor([0])}, "unknown node type 'autor'. Did you mean 'author'"),
        ({"author": torch.tensor([0, 30])}, "seeds of 'author': 30 is outside of 0..29"),
        ({"author": torch.tensor([-1])}, "-1 is outside of 0..29"),
        ({"author": torch.tensor([2, 1, 2])}, "repeat a node"),
        ({"author": torch.tensor([0.0])}, "expected integers"),
    ],
)
def test_wrong_seeds_are_told(
    graph: HeteroGraph, seeds: dict[str, torch.Tensor], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        sample_neighbourhood(graph.relations, graph.num_nodes, seeds, (2,), chance())
