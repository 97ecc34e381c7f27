"""What the entries of a joint graph carry: in the order of the entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.nn import EdgeMaps, EdgeReader, JointGraph, LayerPlan, layer_plans

ALL = SimpleNamespace(edge_weights=True, edge_features=True, edge_times=True, time_unit=None)
MakeGraph = Callable[..., HeteroGraph]


def plan_of(graph: HeteroGraph) -> LayerPlan:
    return layer_plans(graph.schema, "author", 3)[0]


def joined(graph: HeteroGraph) -> JointGraph:
    plan = plan_of(graph)
    edges = EdgeReader(graph.schema, plan.edge_types, ALL).read(graph)
    relations = {**graph.relations, **{key: edge.relation for key, edge in edges.items()}}
    return JointGraph.join(plan, graph.num_nodes, relations).with_edges(plan, edges)


@pytest.fixture
def joint(edge_graph: MakeGraph) -> JointGraph:
    return joined(edge_graph(num_nodes=12, num_edges=80))


def maps_of(joint: JointGraph, heads: int, dim: int) -> EdgeMaps:
    dims = {key: edge.values.shape[1] for key, edge in joint.edges.inputs.items()}
    maps = EdgeMaps(dims, heads, dim)
    with torch.no_grad():
        for parameter in maps.parameters():
            parameter.normal_()
    return maps


def test_places_tell_ends_features_and_copies_of_each_edge(edge_graph: MakeGraph) -> None:
    """Features name the ends of their edge and which of the parallel copies it is."""
    graph = edge_graph(num_nodes=6, num_edges=80, only=())
    relations = {}
    for key, relation in graph.relations.items():
        src, dst = relation.edges()
        pairs = list(zip(src.tolist(), dst.tolist(), strict=True))
        copy = [pairs[:at].count(pair) for at, pair in enumerate(pairs)]
        features = torch.stack([src, dst, torch.tensor(copy)], 1).float()
        assert max(copy) > 1
        relations[key] = replace(relation, edge_features=features, _cache={})
    graph = graph.replace(relations=relations, reverses=())
    joint = joined(graph)
    dst, src = joint.csr.coo()
    for kind, key in enumerate(plan_of(graph).edge_types):
        place = joint.edges.places[key]
        assert bool((joint.edge_type[place] == kind).all())
        assert place.numel() == relations[key].nnz
        values = joint.edges.inputs[key].values
        ends = torch.stack([src - joint.spans[key.src].start, dst - joint.spans[key.dst].start], 1)
        assert torch.equal(values[:, :2], ends[place].float())
        seen: dict[tuple[int, ...], int] = {}
        for *pair, number in values.long().tolist():  # copies keep their order
            assert seen.get(tuple(pair), 0) == number
            seen[tuple(pair)] = number + 1


def test_scores_and_messages_equal_a_loop(joint: JointGraph) -> None:
    maps = maps_of(joint, heads=2, dim=3)
    alpha = torch.rand(joint.csr.nnz, 2, requires_grad=True)
    scores = joint.edges.scores(maps)
    messages = joint.edges.messages(maps, alpha, joint.spans)
    expected_scores = torch.zeros(joint.csr.nnz, 2)
    expected = torch.zeros(joint.csr.num_rows, 2, 3)
    for key, edge in joint.edges.inputs.items():
        for place, value in zip(joint.edges.places[key], edge.values, strict=True):
            row = joint.csr.row_ids[place][None]
            expected_scores[place] = value @ maps[key].score
            sent = torch.einsum("d,hdo->ho", value, maps[key].message)
            expected = expected.index_add(
                0, torch.tensor([row]), (alpha[place, :, None] * sent)[None]
            )
    torch.testing.assert_close(scores, expected_scores)
    torch.testing.assert_close(messages, expected, rtol=1e-4, atol=1e-4)
    upstream = torch.randn_like(messages)
    wanted = [alpha, *(maps[key].message for key in maps)]
    ours = torch.autograd.grad(messages, wanted, upstream)
    theirs = torch.autograd.grad(expected, wanted, upstream)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    (grad,) = torch.autograd.grad(scores, maps[next(iter(maps))].score, torch.ones_like(scores))
    first = next(iter(joint.edges.inputs.values()))
    torch.testing.assert_close(grad, first.values.sum(0)[:, None].expand(-1, 2))


def test_weights_of_self_loops_and_plain_relations_are_one(joint: JointGraph) -> None:
    weight, kind = joint.edges.log_weight, joint.edge_type
    weighted = [key.name in ("writes", "written_by") for key in (*joint.edges.places,)]
    assert sum(weighted) == 2
    there = torch.zeros(joint.csr.nnz, dtype=torch.bool)
    for key, place in joint.edges.places.items():
        there[place] = key.name in ("writes", "written_by")
    assert bool((weight[there] != 0).all())
    assert not bool(weight[~there].any())
    assert bool((kind[~there] == kind.max()).any())


def test_edges_of_weight_0_are_not_joined(edge_graph: MakeGraph) -> None:
    graph = edge_graph(only=("weight",))
    key = EdgeType("author", "writes", "paper")
    relation = graph.relations[key]
    weight = relation.weight.clone()
    weight[::2] = 0
    zeroed = replace(relation, weight=weight, _cache={})
    changed = graph.replace(relations={**graph.relations, key: zeroed}, reverses=())
    without = {**graph.relations, key: relation.select(weight > 0)}
    joint, expected = joined(changed), joined(graph.replace(relations=without, reverses=()))
    assert torch.equal(joint.csr.indices, expected.csr.indices)
    torch.testing.assert_close(joint.edges.log_weight, expected.edges.log_weight)
    assert not joint.edges.inputs


def test_nothing_is_carried_where_edges_are_plain(edge_graph: MakeGraph) -> None:
    assert joined(edge_graph(only=())).edges is None
    one = joined(edge_graph(only=("edge_features",))).edges
    assert one.log_weight is None
    assert [key.name for key in one.inputs] == ["writes", "written_by", "cites"]


def test_a_relation_without_edges_is_joined(edge_graph: MakeGraph) -> None:
    graph = edge_graph(num_nodes=12, num_edges=50)
    key = EdgeType("paper", "cites", "paper")
    none = torch.zeros(0, dtype=torch.int64)
    empty = Relation.from_edges(none, none, 19, 19, edge_features=torch.zeros(0, 3))
    joint = joined(graph.replace(relations={**graph.relations, key: empty}))
    maps = maps_of(joint, heads=2, dim=3)
    alpha = torch.rand(joint.csr.nnz, 2)
    assert joint.edges.scores(maps).shape == (joint.csr.nnz, 2)
    assert joint.edges.messages(maps, alpha, joint.spans).shape == (31, 2, 3)


def test_all_of_it_moves(joint: JointGraph) -> None:
    moved = joint.to("meta")
    assert moved.edges.log_weight.device.type == "meta"
    assert all(edge.values.device.type == "meta" for edge in moved.edges.inputs.values())
    assert all(edge.entries.device.type == "meta" for edge in moved.edges.inputs.values())
    assert all(place.device.type == "meta" for place in moved.edges.places.values())
    assert moved.edges.chosen.device.type == "meta"
