"""Walks follow edges, with the right frequencies."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR, HeteroGraph
from hetgraph.errors import ConfigError, DataError, MetaPathError
from hetgraph.sampling import metapath_walks, random_walks


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def edges() -> CSR:
    """A triangle 0, 1, 2 with a tail 2 - 3 - 4 both ways, 4 -> 5 one way, 6 alone."""
    pairs = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)]
    rows, cols = torch.tensor(pairs).T
    rows, cols = (
        torch.cat([rows, cols, torch.tensor([4])]),
        torch.cat([cols, rows, torch.tensor([5])]),
    )
    return CSR.from_coo(rows, cols, (7, 7))


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.5, 2.0), (4.0, 0.25)])
def test_every_step_is_an_edge(edges: CSR, p: float, q: float) -> None:
    walks = random_walks(edges, torch.arange(7).repeat(50), 12, generator(), p=p, q=q)
    assert walks.shape == (350, 13)
    dense = edges.to_dense() > 0
    one, other = walks[:, :-1].reshape(-1), walks[:, 1:].reshape(-1)
    going = other >= 0
    assert bool(dense[one[going], other[going]].all())
    # A walk ends in 5 or 6, and nowhere else.
    ended = (one >= 0) & ~going
    assert set(one[ended].tolist()) == {5, 6}
    assert bool((other[one < 0] == -1).all())
    assert random_walks(edges, torch.tensor([2]), 0, generator()).tolist() == [[2]]


def test_seeds_repeat_walks(edges: CSR) -> None:
    starts = torch.arange(5).repeat(9)
    one, two = (random_walks(edges, starts, 8, generator(), q=2.0) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, random_walks(edges, starts, 8, generator(1), q=2.0))


def test_parallel_edges_count_separately() -> None:
    edges = CSR.from_coo(torch.tensor([0, 0, 0]), torch.tensor([1, 1, 2]), (3, 3))
    ends = random_walks(edges, torch.zeros(6000, dtype=torch.int64), 1, generator())[:, 1]
    assert float((ends == 1).double().mean()) == pytest.approx(2 / 3, abs=0.03)


def shares(steps: Tensor) -> dict[int, float]:
    counts = Counter(steps.tolist())
    return {node: count / len(steps) for node, count in sorted(counts.items())}


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.25, 2.0), (4.0, 0.5)])
def test_second_steps_have_the_weights_of_node2vec(edges: CSR, p: float, q: float) -> None:
    """From 1 to 2 the next node is 1 (back), 0 (a neighbour of 1) or 3 (away)."""
    walks = random_walks(edges, torch.ones(40000, dtype=torch.int64), 2, generator(), p=p, q=q)
    chosen = walks[walks[:, 1] == 2][:, 2]
    weight = {0: 1.0, 1: 1 / p, 3: 1 / q}
    total = sum(weight.values())
    assert shares(chosen) == pytest.approx({k: w / total for k, w in weight.items()}, abs=0.02)


def test_metapath_walks_follow_the_types(toy_graph: HeteroGraph) -> None:
    walks = metapath_walks(
        toy_graph, "author-paper-author", torch.tensor([0, 1]).repeat(200), 5, generator()
    )
    assert bool((walks[:, ::2] < 2).all())
    assert bool(((walks[:, 1::2] >= 2) & (walks[:, 1::2] < 5)).all())
    written = {0: {2, 3}, 1: {3, 4}}
    for author, nodes in written.items():
        assert set(walks[walks[:, 0] == author][:, 1].tolist()) == nodes
    stopped = metapath_walks(
        toy_graph.without_edges("writes", torch.tensor([0, 0]), torch.tensor([0, 1])),
        "author-paper-author",
        torch.tensor([0]),
        3,
        generator(),
    )
    assert stopped.tolist() == [[0, -1, -1, -1]]
    with pytest.raises(MetaPathError, match="cannot repeat"):
        metapath_walks(toy_graph, "author-paper", torch.tensor([0]), 2, generator())


def test_bad_input_is_reported(edges: CSR) -> None:
    for bad in ({"p": 0.0}, {"q": -1.0}):
        with pytest.raises(ConfigError, match="two positive numbers"):
            random_walks(edges, torch.tensor([0]), 2, generator(), **bad)
    with pytest.raises(ConfigError, match="length is -1"):
        random_walks(edges, torch.tensor([0]), -1, generator())
    with pytest.raises(DataError, match="2 x 3"):
        random_walks(CSR.from_dense(torch.ones(2, 3)), torch.tensor([0]), 1, generator())


def test_starts_out_of_range_are_told(edges: CSR, toy_graph: HeteroGraph) -> None:
    with pytest.raises(DataError, match="starts: 7 is outside of 0"):
        random_walks(edges, torch.tensor([7]), 1, generator())
    with pytest.raises(DataError, match="starts: 2 is outside of 0"):
        metapath_walks(toy_graph, "author-paper-author", torch.tensor([2]), 1, generator())
