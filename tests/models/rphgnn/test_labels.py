"""Label groups: what they hold, and that nobody sees its own label."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.models.rphgnn.config import RpHGNNConfig
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.labels import (
    collect_labels,
    label_input,
    remove_echo,
    return_probability,
)
from hetgraph.models.rphgnn.operators import pair_operators


@pytest.fixture
def collect(make_sink):
    def run(graph, target, labels, train, classes, echo="even"):
        config = RpHGNNConfig(labels=True, iterations=1, noise_dim=3)
        layout = Layout(graph.schema, target, classes, config)
        sink = make_sink(graph, layout)
        table = label_input(labels, train, classes)
        first = len(layout.feature_groups)
        collect_labels(
            table,
            layout.label_groups,
            lambda pair: pair_operators(graph, pair),
            sink,
            first,
            echo,
        )
        return layout.label_groups, [actual[:, 0] for actual in sink.tensors[first:]]

    return run


def test_toy_nodes_see_only_the_label_of_the_other(pair_graph, collect):
    labels, both = torch.tensor([0, 1]), torch.tensor([0, 1])
    _, (even,) = collect(pair_graph, "author", labels, both, 2)
    torch.testing.assert_close(even, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    _, (kept,) = collect(pair_graph, "author", labels, both, 2, echo="none")
    torch.testing.assert_close(kept, torch.tensor([[0.75, 0.25], [0.25, 0.75]]))


def test_return_probability_is_the_diagonal_of_the_walk(random_graph):
    graph = random_graph(3)
    relation = CSR(graph.relation("writes").indptr, graph.relation("writes").indices, 20)
    out, back = relation.normalized("row"), relation.transpose.normalized("row")
    walk = back.to_dense() @ out.to_dense()
    result = return_probability(out, back)
    torch.testing.assert_close(result, walk.diagonal().double(), atol=1e-6, rtol=0)


def test_unlabelled_rows_start_uniform_and_several_labels_share():
    table = label_input(torch.tensor([2, 0, 1]), torch.tensor([0, 2]), 4)
    assert table.tolist() == [[0, 0, 1, 0], [0.25] * 4, [0, 1, 0, 0]]
    multi = torch.tensor([[1.0, 1, 0], [0, 0, 0], [-1, -1, -1]])
    table = label_input(multi, torch.tensor([0, 1]), 3)
    torch.testing.assert_close(table, torch.tensor([[0.5, 0.5, 0], [1 / 3] * 3, [1 / 3] * 3]))


@pytest.mark.parametrize("echo", ["even", "all", "none"])
def test_every_row_is_a_distribution(random_graph, collect, echo):
    graph = random_graph(4)
    labels = torch.randint(3, (27,))
    groups, tensors = collect(graph, "paper", labels, torch.arange(0, 27, 2), 3, echo)
    assert [group.hops for group in groups] == [2, 1, 2, 2]
    for tensor in tensors:
        assert float(tensor.min()) >= 0
        torch.testing.assert_close(tensor.sum(dim=1), torch.ones(27))
        assert tensor[-1].tolist() == pytest.approx([1 / 3] * 3)  # isolated


def test_flipping_a_training_label_changes_no_even_row_of_that_node(random_graph, collect):
    graph = random_graph(5)
    labels, train = torch.randint(3, (27,)), torch.arange(20)
    groups, before = collect(graph, "paper", labels, train, 3)
    loops = graph.relation("cites")
    src, dst = loops.edges()
    has_loop = set(src[src == dst].tolist())
    for node in range(0, 20, 3):
        flipped = labels.clone()
        flipped[node] = (labels[node] + 1) % 3
        _, after = collect(graph, "paper", flipped, train, 3)
        for group, actual, other in zip(groups, before, after, strict=True):
            same = torch.allclose(actual[node], other[node], atol=1e-6)
            assert same or (group.hops == 1 and node in has_loop)
        assert any(
            not torch.equal(actual, other) for actual, other in zip(before, after, strict=True)
        )


def test_removing_all_echoes_covers_self_loops(random_graph, collect):
    graph = random_graph(5)
    labels, train = torch.randint(3, (27,)), torch.arange(27)
    src, dst = graph.relation("cites").edges()
    node = int(src[src == dst][0])
    flipped = labels.clone()
    flipped[node] = (labels[node] + 1) % 3
    _, before = collect(graph, "paper", labels, train, 3, "all")
    _, after = collect(graph, "paper", flipped, train, 3, "all")
    for actual, other in zip(before, after, strict=True):
        torch.testing.assert_close(actual[node], other[node])


def test_labels_outside_training_change_nothing(random_graph, collect):
    graph = random_graph(6)
    train = torch.arange(10)
    labels = torch.randint(3, (27,))
    other = labels.clone()
    other[10:] = (labels[10:] + 1) % 3
    for actual, again in zip(
        collect(graph, "paper", labels, train, 3)[1],
        collect(graph, "paper", other, train, 3)[1],
        strict=True,
    ):
        assert torch.equal(actual, again)


def test_a_node_that_meets_only_itself_gets_a_uniform_row():
    rows = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.9, 0.1]])
    own = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    q = torch.tensor([1 - 1e-9, 0.0, 0.5], dtype=torch.float64)
    result = remove_echo(rows, own, q)
    torch.testing.assert_close(result, torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.8, 0.2]]))


def test_multi_edges_count_in_the_correction(collect):
    # a0 has p0 twice, a1 has p0 once: a0 returns with 2/3, a1 sees a0 with 2/3.
    writes = Relation.from_edges(torch.tensor([0, 0, 1]), torch.tensor([0, 0, 0]), 2, 1)
    graph = HeteroGraph(num_nodes={"a": 2, "p": 1}, relations={EdgeType("a", "w", "p"): writes})
    _, (even,) = collect(graph, "a", torch.tensor([0, 1]), torch.tensor([0, 1]), 2)
    torch.testing.assert_close(even, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
