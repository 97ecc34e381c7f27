"""Both layers against their formulas on dense incidence matrices."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import hetgraph.models.metahgnie.structural as structural_module
import hetgraph.ops._attention as attention_module
from hetgraph.data import Hypergraph
from hetgraph.models.metahgnie import MetaHGNIEConfig
from hetgraph.models.metahgnie.block import Block, make_blocks
from hetgraph.models.metahgnie.semantic import SemanticLayer
from hetgraph.models.metahgnie.structural import StructuralLayer

SETS = [[0, 1, 2], [1, 2, 3, 4], [0], [], [2, 4]]  # node 5 is in none, hyperedge 3 is empty
KINDS = [0, 1, 0, 1, 1]
CONFIG = MetaHGNIEConfig(num_heads=2, hidden_dim=3, type_dim=4)


def overlapping() -> Hypergraph:
    return Hypergraph.from_sets(SETS, KINDS, num_nodes=6)


def partition() -> Hypergraph:
    return Hypergraph.from_sets([[0, 2, 3], [1, 4], [5]], [0, 1, 1], num_nodes=6)


def whole(hypergraph: Hypergraph) -> Block:
    (block,), nodes = make_blocks(hypergraph, torch.arange(hypergraph.num_nodes), 1)
    assert nodes.tolist() == list(range(hypergraph.num_nodes))
    return block


def over_members(score: Tensor, inside: Tensor) -> Tensor:
    """Softmax of ``[num_nodes, num_edges, heads]`` over the nodes; 0 where nothing is."""
    masked = score.masked_fill(~inside.unsqueeze(2), -torch.inf)
    return masked.softmax(0).nan_to_num(0.0)


def structural_reference(
    layer: StructuralLayer, hypergraph: Hypergraph, x: Tensor, types: Tensor, mean: bool
) -> Tensor:
    inside = hypergraph.incidence.to_dense(torch.float64).bool()
    u = x @ layer.map.weight.T
    by_type = (types @ layer.type_score.T)[hypergraph.edge_type]
    score = F.leaky_relu((layer.node_score * u)[:, None] + by_type[None], 0.2)
    states = torch.einsum("vek,vk->ek", over_members(score, inside), u)
    back = inside.double() @ states
    if mean:
        back = back / inside.sum(1, keepdim=True).clamp(min=1)
    return F.relu(back + (x if layer.skip is None else x @ layer.skip.weight.T))


def semantic_reference(
    layer: SemanticLayer, hypergraph: Hypergraph, x: Tensor, types: Tensor
) -> Tensor:
    inside = hypergraph.incidence.to_dense(torch.float64).bool()
    heads, dim = layer.config.num_heads, layer.config.hidden_dim

    def split(y: Tensor) -> Tensor:
        return y.unflatten(1, (heads, dim))

    keys = split(layer.edge_key(layer.type_map(types[hypergraph.edge_type])))
    query, value = split(layer.member_query(x)), split(layer.member_value(x))
    score = torch.einsum("vhd,ehd->veh", query, keys) / math.sqrt(dim)
    states = torch.einsum("veh,vhd->ehd", over_members(score, inside), value).flatten(1)
    states = layer.edge_out(states)
    query, keys = split(layer.node_query(x)), split(layer.state_key(states))
    score = torch.einsum("vhd,ehd->veh", query, keys) / math.sqrt(dim)
    weight = score.masked_fill(~inside.unsqueeze(2), -torch.inf).softmax(1).nan_to_num(0.0)
    told = torch.einsum("veh,ehd->vhd", weight, split(layer.state_value(states))).flatten(1)
    g = layer.norm(layer.node_out(told) + (x if layer.skip is None else layer.skip(x)))
    return layer.last_norm(g + layer.dense(g))


def gradients(out: Tensor, *of: Tensor) -> list[Tensor]:
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return list(torch.autograd.grad((out * weight).sum(), of))


@pytest.mark.parametrize("in_dim", [5, 6])  # with a map beside, and without
@pytest.mark.parametrize("collect", ["sum", "mean"])
def test_structural_layer(in_dim: int, collect: str) -> None:
    config = MetaHGNIEConfig(num_heads=2, hidden_dim=3, type_dim=4, collect=collect)  # type: ignore[arg-type]
    layer, hypergraph = StructuralLayer(in_dim, config).double().eval(), overlapping()
    x = torch.randn(6, in_dim, dtype=torch.float64, requires_grad=True)
    types = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    actual = layer(whole(hypergraph), x, types)
    expected = structural_reference(layer, hypergraph, x, types, collect == "mean")
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)
    inputs = (x, types, *layer.parameters())
    for one, other in zip(gradients(actual, *inputs), gradients(expected, *inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("columns", [1, 4, 100])
def test_structural_training_in_any_number_of_columns(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With next to no dropout the training path is the formula, however it is cut."""
    monkeypatch.setattr(structural_module, "_COLUMNS", columns)
    config = MetaHGNIEConfig(
        num_heads=2, hidden_dim=3, type_dim=4, dropout=0.0, attention_dropout=1e-12
    )
    layer, hypergraph = StructuralLayer(5, config).double().train(), overlapping()
    x = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    types = torch.randn(2, 4, dtype=torch.float64)
    actual = layer(whole(hypergraph), x, types)
    expected = structural_reference(layer, hypergraph, x, types, False)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-9)
    inputs = (x, *layer.parameters())
    for one, other in zip(gradients(actual, *inputs), gradients(expected, *inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_equal_columns_are_multiplied_once() -> None:
    layer = StructuralLayer(6, CONFIG).double().eval()
    flat = torch.randn(6, 1, dtype=torch.float64).expand(6, 6)
    types = torch.randn(2, 4, dtype=torch.float64)
    block = whole(overlapping())
    torch.testing.assert_close(layer(block, flat, types, equal=True), layer(block, flat, types))


@pytest.mark.parametrize("in_dim", [5, 6])
@pytest.mark.parametrize("shape", [overlapping, partition])
def test_semantic_layer(in_dim: int, shape: object) -> None:
    layer, hypergraph = SemanticLayer(in_dim, CONFIG).double().eval(), shape()  # type: ignore[operator]
    for norm in (layer.norm, layer.last_norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    x = torch.randn(6, in_dim, dtype=torch.float64, requires_grad=True)
    types = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    actual = layer(whole(hypergraph), x, types)
    expected = semantic_reference(layer, hypergraph, x, types)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)
    skipped = ("node_query", "state_key") if hypergraph.is_partition else ()
    inputs = [x, types]
    inputs += [p for name, p in layer.named_parameters() if not name.startswith(skipped or "-")]
    for one, other in zip(gradients(actual, *inputs), gradients(expected, *inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_rows_of_zeros_need_not_be_computed() -> None:
    layer, hypergraph = SemanticLayer(5, CONFIG).double().eval(), overlapping()
    filled = torch.tensor([1, 4])
    x = torch.zeros(6, 5, dtype=torch.float64)
    x[filled] = torch.randn(2, 5, dtype=torch.float64)
    types = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    actual = layer(whole(hypergraph), x, types, filled)
    expected = semantic_reference(layer, hypergraph, x, types)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)
    inputs = (types, *layer.parameters())
    for one, other in zip(gradients(actual, *inputs), gradients(expected, *inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("entries", [1, 2, 7, 10**6])
def test_the_size_of_the_pieces_changes_nothing(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the authors call sparse chunking: values and gradients are the same."""
    results = []
    for workspace in (2**21, entries):
        monkeypatch.setattr(attention_module, "_WORKSPACE", workspace)
        torch.manual_seed(0)
        x = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
        types = torch.randn(2, 4, dtype=torch.float64)
        for layer in (StructuralLayer(5, CONFIG), SemanticLayer(5, CONFIG)):
            out = layer.double().eval()(whole(overlapping()), x, types)
            results.append([out, *gradients(out, x)])
    half = len(results) // 2
    for one, other in zip(results[:half], results[half:], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_in_a_partition_nodes_have_nothing_to_choose_from() -> None:
    layer, block = SemanticLayer(5, CONFIG).double(), whole(partition())
    x, types = torch.randn(6, 5).double(), torch.randn(2, 4).double()
    reference = semantic_reference(layer.eval(), partition(), x, types)
    for grad in gradients(reference, layer.node_query.weight, layer.state_key.weight):
        assert not grad.any()
    states = torch.randn(3, 6, dtype=torch.float64)
    told = layer._messages(block, states, x)
    assert torch.equal(told[0], told[2])
    assert torch.equal(told[0], told[3])
    assert torch.equal(told[1], told[4])
    layer(block, x, types).sum().backward()
    assert layer.node_query.weight.grad is None


def test_a_hyperedge_of_one_node_says_what_the_node_says() -> None:
    single = Hypergraph.from_sets([[0], [1], [2]], [0, 1, 0], num_nodes=3)
    x, types = torch.randn(3, 5).double(), torch.randn(2, 4).double()
    layer = StructuralLayer(5, CONFIG).double().eval()
    expected = F.relu(layer.map(x) + layer.skip(x))  # type: ignore[misc]
    torch.testing.assert_close(layer(whole(single), x, types), expected)


def test_types_move_only_the_kink() -> None:
    """Where all scores of a hyperedge have one sign, its type changes nothing."""
    layer = StructuralLayer(6, CONFIG).double().eval()
    nn.init.constant_(layer.node_score, 1.0)
    x = torch.rand(6, 6, dtype=torch.float64) @ torch.linalg.pinv(layer.map.weight).T + 1e-3
    nn.init.eye_(layer.map.weight)
    types = torch.rand(2, 4, dtype=torch.float64) * 0.0 + 0.1
    nn.init.constant_(layer.type_score, 1.0)
    x = x.abs() + 0.1
    block = whole(overlapping())
    torch.testing.assert_close(layer(block, x, types), layer(block, x, types + 0.3))
    assert not torch.allclose(layer(block, x, types), layer(block, x, types - 2.0))


def test_blocks_hold_what_the_wanted_nodes_need() -> None:
    hypergraph = overlapping()
    wanted = torch.tensor([0, 5])
    (block,), nodes = make_blocks(hypergraph, wanted, 1)
    assert nodes.tolist() == [0, 1, 2, 5]
    assert block.edge_type.tolist() == [0, 0]
    assert block.incidence.degree.tolist() == [2, 0]
    assert nodes[block.kept].tolist() == [0, 5]
    x, types = torch.randn(6, 5).double(), torch.randn(2, 4).double()
    first, second = (StructuralLayer(d, CONFIG).double().eval() for d in (5, 6))
    entire = second(whole(hypergraph), first(whole(hypergraph), x, types), types)
    blocks, nodes = make_blocks(hypergraph, wanted, 2)
    part = second(blocks[1], first(blocks[0], x[nodes], types), types)
    torch.testing.assert_close(part, entire[wanted])


def test_permuted_nodes_and_hyperedges() -> None:
    hypergraph, x, types = overlapping(), torch.randn(6, 5).double(), torch.randn(2, 4).double()
    turned = hypergraph.take(torch.tensor([4, 2, 0, 3, 1]))
    order = torch.randperm(6)
    place = torch.argsort(order)
    moved = Hypergraph.from_sets(
        [place[torch.tensor(one, dtype=torch.int64)].tolist() for one in SETS], KINDS, num_nodes=6
    )
    for layer in (StructuralLayer(5, CONFIG), SemanticLayer(5, CONFIG)):
        layer.double().eval()
        expected = layer(whole(hypergraph), x, types)
        torch.testing.assert_close(layer(whole(turned), x, types), expected)
        torch.testing.assert_close(layer(whole(moved), x[order], types), expected[order])
