"""Propagation against a dense re-derivation, and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.models.rphgnn import products
from hetgraph.models.rphgnn.config import RpHGNNConfig
from hetgraph.models.rphgnn.features import input_matrices
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.propagate import Propagation
from hetgraph.models.rphgnn.squash import Projector
from hetgraph.seeds import Seeds


@pytest.fixture
def collect(make_sink):
    def run(graph, target, config, inputs=None, projector=None):
        layout = Layout(graph.schema, target, 2, config)
        if inputs is None:
            inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
        sink = make_sink(graph, layout)
        Propagation(graph, layout, projector or Projector(3), sink).run(dict(inputs))
        return sink.tensors

    return run


def close(ours, theirs, tolerance=1e-5):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a.numpy(), b, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("target", ["author", "paper", "term"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_input": False},
        {"even_odd": "even"},
        {"even_odd": "odd"},
        {"inner_hops": 4, "iterations": 2},
        {"inner_hops": 1},
        {"projection": "gaussian"},
        {"squash": "project_norm_mean"},
    ],
    ids=str,
)
def test_collected_messages_equal_the_dense_definition(
    random_graph, reference, arrays, collect, target, options
):
    graph = random_graph(1)
    config = RpHGNNConfig(**{"iterations": 3, "noise_dim": 7, **options})
    layout = Layout(graph.schema, target, 2, config)
    inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
    projector = Projector(3, config.projection)
    expected = reference(graph, target, config, arrays(inputs), projector)
    close(collect(graph, target, config, inputs, projector), expected)


@pytest.mark.parametrize("target", ["author", "paper", "term"])
@pytest.mark.parametrize("signed", [False, True])
def test_messages_are_means_by_edge_weight(
    random_graph, weigh, reference, arrays, collect, target, signed
):
    graph = weigh(random_graph(1), signed=signed)
    config = RpHGNNConfig(iterations=3, noise_dim=7)
    layout = Layout(graph.schema, target, 2, config)
    inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
    expected = reference(graph, target, config, arrays(inputs), Projector(3))
    close(collect(graph, target, config, inputs), expected, 1e-4)


@pytest.mark.parametrize("squash", ["sum", "mean", "norm_sum", "norm_mean", "norm_mean_norm"])
def test_squashes_without_projection_equal_the_dense_definition(
    random_graph, reference, arrays, collect, squash
):
    graph = random_graph(2).replace(features={})
    config = RpHGNNConfig(iterations=3, noise_dim=5, squash=squash)
    layout = Layout(graph.schema, "paper", 2, config)
    inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
    expected = reference(graph, "paper", config, arrays(inputs), None)
    close(collect(graph, "paper", config, inputs), expected)


@pytest.mark.parametrize("flag", ["skip_unused", "narrow_projection", "sparse_first"])
@pytest.mark.parametrize("target", ["author", "paper"])
def test_each_shortcut_leaves_the_result_unchanged(
    random_graph, collect, monkeypatch, flag, target
):
    # Sizes at which the shortcuts really differ: sparse wide features, few authors.
    monkeypatch.setattr(products, "BLOCK_BYTES", 4 * 300 * 16)
    graph = random_graph(5, num_nodes=30, num_edges=200)
    sparse_features = torch.zeros(37, 300)
    sparse_features[torch.arange(37), torch.randint(300, (37,))] = 2.0
    graph = graph.with_features("paper", CSR.from_dense(sparse_features))
    fast = collect(graph, target, RpHGNNConfig(noise_dim=7))
    slow = collect(graph, target, RpHGNNConfig(noise_dim=7, **{flag: False}))
    close(fast, [x.numpy() for x in slow], 1e-4)


def test_shortcuts_really_do_less_work(random_graph, make_sink, monkeypatch):
    graph = random_graph(5)
    drawn = {}
    for skip in (True, False):
        keys = drawn.setdefault(skip, [])

        class Matrices:
            def __init__(self, keys):
                self.keys = keys

            def fill(self, k, key, out):
                self.keys.append((k, key))
                return out.zero_()

        config = RpHGNNConfig(iterations=3, noise_dim=4, skip_unused=skip)
        layout = Layout(graph.schema, "author", 2, config)
        inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
        Propagation(graph, layout, Matrices(keys), make_sink(graph, layout)).run(inputs)
    assert set(drawn[True]) < set(drawn[False])
    assert max(k for k, _ in drawn[True]) == 1  # the last update is never computed
    ends = {key.split("|")[-1] for k, key in drawn[True] if k == 1}
    assert ends == {"author", "paper"}


def test_toy_messages_are_those_worked_out_by_hand(pair_graph, collect):
    config = RpHGNNConfig(iterations=1, use_input=False)
    odd, even = collect(pair_graph, "paper", config)
    torch.testing.assert_close(odd[:, 0], torch.tensor([[1.0, 0], [0.5, 0.5], [0, 1]]))
    torch.testing.assert_close(even[:, 0], torch.tensor([[1.5], [2.0], [2.5]]))
    odd, even = collect(pair_graph, "author", config)
    torch.testing.assert_close(odd[:, 0], torch.tensor([[1.5], [2.5]]))
    torch.testing.assert_close(even[:, 0], torch.tensor([[0.75, 0.25], [0.25, 0.75]]))


def test_constant_features_stay_constant_where_there_are_neighbours(random_graph, collect):
    graph = random_graph(3).replace(features={})
    ones = {name: torch.ones(count, 1) for name, count in graph.num_nodes.items()}
    config = RpHGNNConfig(iterations=1, noise_dim=1, use_input=False)
    for name in graph.node_types:
        layout = Layout(graph.schema, name, 2, config)
        tensors = collect(graph, name, config, ones)
        for group, tensor in zip(layout.feature_groups, tensors, strict=True):
            forward = graph.relations[group.pair.forward]
            degree = torch.zeros(graph.num_nodes[name], dtype=torch.int64)
            if group.pair.forward.dst == name:
                degree += forward.degree
            if group.pair.forward.src == name:
                degree += forward.transpose.degree
            torch.testing.assert_close(tensor[:, 0, 0], (degree > 0).float())


def test_updates_are_bounded_by_the_number_of_groups_with_neighbours(random_graph, make_sink):
    graph = random_graph(4)
    config = RpHGNNConfig(noise_dim=6)
    layout = Layout(graph.schema, "paper", 2, config)
    inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
    run = Propagation(graph, layout, Projector(0), make_sink(graph, layout))
    updated = run._round(0, inputs, frozenset(graph.node_types))
    for name, x in updated.items():
        norm = torch.as_tensor(x).norm(dim=1)
        assert bool((norm <= len(layout.groups_of(name)) + 1e-5).all())
        assert float(norm[-1]) == 0  # the last node of every type is isolated
        assert float(norm.max()) > 1


def test_scaling_all_features_changes_only_the_first_round(random_graph, collect, arrays):
    graph = random_graph(6)
    config = RpHGNNConfig(iterations=3, noise_dim=6, use_input=False)
    layout = Layout(graph.schema, "paper", 2, config)
    inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
    scaled = {name: 5 * x for name, x in inputs.items()}
    for actual, other in zip(
        collect(graph, "paper", config, inputs),
        collect(graph, "paper", config, scaled),
        strict=True,
    ):
        torch.testing.assert_close(5 * actual[:, 0], other[:, 0])
        torch.testing.assert_close(actual[:, 1:], other[:, 1:], atol=1e-5, rtol=1e-5)


def test_first_slot_of_even_groups_is_the_input(random_graph, collect):
    graph = random_graph(7)
    config = RpHGNNConfig(iterations=2, noise_dim=4)
    layout = Layout(graph.schema, "paper", 2, config)
    for group, tensor in zip(layout.feature_groups, collect(graph, "paper", config), strict=True):
        if group.hops == 2:
            assert torch.equal(tensor[:, 0], graph.features["paper"])


def test_relabelling_nodes_permutes_rows_and_nothing_else(random_graph, collect):
    graph = random_graph(8).replace(features={}, reverses=())
    order = {name: torch.randperm(n) for name, n in graph.num_nodes.items()}
    config = RpHGNNConfig(iterations=2, noise_dim=5)
    layout = Layout(graph.schema, "paper", 2, config)
    inputs = input_matrices(graph, layout, Seeds(), graph.node_types)
    moved = {name: x[order[name]] for name, x in inputs.items()}
    for actual, other in zip(
        collect(graph, "paper", config, inputs),
        collect(graph.subgraph(order), "paper", config, moved),
        strict=True,
    ):
        torch.testing.assert_close(actual[order["paper"]], other, atol=1e-5, rtol=1e-5)


def test_single_relation_first_round_is_mean_aggregation(collect):
    src, dst = torch.tensor([0, 1, 2]), torch.tensor([1, 2, 2])
    graph = HeteroGraph(
        num_nodes={"n": 3},
        relations={EdgeType("n", "to", "n"): Relation.from_edges(src, dst, 3, 3)},
        features={"n": torch.eye(3)},
    )
    odd, even = collect(graph, "n", RpHGNNConfig(iterations=1, use_input=False))
    mean = torch.tensor([[0, 1, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    torch.testing.assert_close(odd[:, 0], mean)
    torch.testing.assert_close(even[:, 0], mean @ mean)


def test_an_empty_relation_gives_zero_groups_and_changes_nothing_else(pair_graph, collect):
    none = Relation.from_edges(
        torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64), 3, 3
    )
    more = pair_graph.with_relation(EdgeType("paper", "void", "paper"), none)
    config = RpHGNNConfig(iterations=3)
    before = collect(pair_graph, "paper", config)
    after = collect(more, "paper", config)
    assert len(after) == len(before) + 2
    for actual, other in zip(before, after, strict=False):
        assert torch.equal(actual, other)
    assert float(after[2].abs().max()) == 0
    assert float(after[3][:, 1:].abs().max()) == 0


def test_odd_mode_needs_no_even_messages(random_graph, collect):
    graph = random_graph(9)
    tensors = collect(graph, "paper", RpHGNNConfig(iterations=2, noise_dim=3, even_odd="odd"))
    assert [tensor.shape[1] for tensor in tensors] == [4, 4, 4]


def test_values_that_float16_cannot_store_are_refused(pair_graph, collect):
    graph = pair_graph.with_features("paper", torch.tensor([[1.0], [2.0], [1e5]]))
    with pytest.raises(DataError, match="'paper' reach 1e\\+05"):
        collect(graph, "author", RpHGNNConfig())
    collect(graph, "author", RpHGNNConfig(storage="float32"))


def test_given_features_are_never_overwritten(random_graph, collect):
    graph = random_graph(10)
    before = {name: x.clone() for name, x in graph.features.items()}
    collect(graph, "paper", RpHGNNConfig(iterations=4, noise_dim=9))
    assert all(torch.equal(before[name], x) for name, x in graph.features.items())
