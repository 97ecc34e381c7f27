"""The layer against PyG's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.models.hgt.layer import HGTLayer
from hetgraph.nn import LayerPlan

DIM, HEADS = 12, 3


@pytest.fixture
def graph(random_graph: Callable[..., HeteroGraph]) -> HeteroGraph:
    """A multigraph in which types send to and receive from one relation or several."""
    graph = random_graph(seed=3)
    has = graph.relations[EdgeType("paper", "has", "term")]
    loves = Relation.from_edges(*_random_edges(40, 20, 11), 20, 11)
    more = {
        EdgeType("term", "of", "paper"): has.transpose,
        EdgeType("author", "loves", "term"): loves,
    }
    return graph.replace(relations={**graph.relations, **more})


def _random_edges(count: int, num_src: int, num_dst: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return (
        torch.randint(num_src, (count,), generator=generator),
        torch.randint(num_dst, (count,), generator=generator),
    )


def whole_plan(graph: HeteroGraph) -> LayerPlan:
    types = tuple(graph.node_types)
    return LayerPlan(types, types, tuple(graph.relations))


def random_layer(plan: LayerPlan) -> HGTLayer:
    layer = HGTLayer(plan, DIM, HEADS).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.5)
    return layer


def random_inputs(graph: HeteroGraph) -> dict[str, Tensor]:
    return {
        name: torch.randn(size, DIM, dtype=torch.float64, requires_grad=True)
        for name, size in graph.num_nodes.items()
    }


def pyg_twin(layer: HGTLayer, graph: HeteroGraph) -> torch.nn.Module:
    """PyG's layer with the same weights; what ours leaves out as without effect is random."""
    nn = pytest.importorskip("torch_geometric.nn")
    edge_types = [tuple(key) for key in layer.plan.edge_types]
    peer = nn.HGTConv(DIM, DIM, (list(graph.node_types), edge_types), heads=HEADS).double()
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.normal_()
        for name in graph.node_types:
            both = peer.kqv_lin.lins[name]
            for at, group in enumerate((layer.key, layer.query, layer.value)):
                if name in group:
                    block = slice(at * DIM, (at + 1) * DIM)
                    both.weight[block] = group[name].weight
                    if group[name].bias is not None:
                        both.bias[block] = group[name].bias
            if name in layer.out:
                peer.out_lin.lins[name].load_state_dict(layer.out[name].state_dict())
                peer.skip[name].fill_(layer.skip[list(layer.query).index(name)])
        # Head by head, the relations of each head one after the other.
        peer.k_rel.weight.copy_(layer.attend.transpose(0, 1).flatten(0, 1))
        peer.v_rel.weight.copy_(layer.send.transpose(0, 1).flatten(0, 1))
        for key, prior in zip(edge_types, layer.prior, strict=True):
            peer.p_rel["__".join(key)].copy_(prior.unsqueeze(0))
    return peer


def test_equal_to_pyg(graph: HeteroGraph) -> None:
    layer = random_layer(whole_plan(graph))
    peer = pyg_twin(layer, graph)
    x = random_inputs(graph)
    edges = {tuple(key): torch.stack(relation.edges()) for key, relation in graph.relations.items()}
    result, expected = layer(x, graph.relations), peer(x, edges)
    assert set(result) == set(expected)
    weights = {name: torch.randn_like(vectors) for name, vectors in result.items()}
    for name, vectors in result.items():
        torch.testing.assert_close(vectors, expected[name], rtol=0, atol=1e-8)

    def gradients(out: dict[str, Tensor], wanted: list[Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad(sum((out[k] * w).sum() for k, w in weights.items()), wanted)

    ours = gradients(result, [*x.values(), layer.attend, layer.send, layer.prior])
    priors = [peer.p_rel["__".join(key)] for key in layer.plan.edge_types]
    theirs = gradients(expected, [*x.values(), peer.k_rel.weight, peer.v_rel.weight, *priors])
    for actual, other in zip(ours, theirs[: len(x)], strict=False):
        torch.testing.assert_close(actual, other, rtol=0, atol=1e-8)
    attend, send, prior = ours[len(x) :]
    torch.testing.assert_close(
        attend.transpose(0, 1).flatten(0, 1), theirs[len(x)], rtol=0, atol=1e-8
    )
    torch.testing.assert_close(
        send.transpose(0, 1).flatten(0, 1), theirs[len(x) + 1], rtol=0, atol=1e-8
    )
    torch.testing.assert_close(prior, torch.cat(theirs[len(x) + 2 :]), rtol=0, atol=1e-8)


def test_all_orders_of_products_are_met(graph: HeteroGraph) -> None:
    """The graph above sends matrices to keys and to queries, and to values and to sums."""
    layer = random_layer(whole_plan(graph))
    sides = {key: layer._maps_source(key, r) for key, r in graph.relations.items()}
    assert set(sides.values()) == {True, False}
    narrow = {r.num_cols < r.num_rows for r in graph.relations.values()}
    assert narrow == {True, False}


def test_a_key_has_a_bias_only_where_it_counts(graph: HeteroGraph) -> None:
    key = EdgeType("paper", "written_by", "author")
    alone = HGTLayer(LayerPlan(("author", "paper"), ("author",), (key,)), DIM, HEADS)
    assert alone.key["paper"].bias is None
    assert alone.query["author"].bias is not None
    layer = random_layer(whole_plan(graph))
    assert all(layer.key[name].bias is not None for name in ("author", "paper", "term"))
    x = random_inputs(graph)
    total = sum((out**2).sum() for out in layer(x, graph.relations).values())
    grads = torch.autograd.grad(total, [layer.key[name].bias for name in layer.key])
    assert all(float(grad.abs().max()) > 1e-6 for grad in grads)


def test_types_without_messages_pass_and_isolated_nodes_are_gated(graph: HeteroGraph) -> None:
    key = EdgeType("author", "writes", "paper")
    layer = random_layer(LayerPlan(("author", "paper"), ("author", "paper"), (key,)))
    x = random_inputs(graph)
    out = layer(x, graph.relations)
    assert out["author"] is x["author"]
    gate = layer.skip.sigmoid()
    alone = (1 - gate) * x["paper"][-1] + gate * layer.out["paper"].bias
    torch.testing.assert_close(out["paper"][-1], alone)


def test_norm_and_dropout_act_on_the_output(graph: HeteroGraph) -> None:
    layer = HGTLayer(whole_plan(graph), DIM, HEADS, dropout=0.5, norm=True).double()
    x = random_inputs(graph)
    dropped = layer.train()(x, graph.relations)
    kept = layer.eval()(x, graph.relations)
    for name, vectors in kept.items():
        torch.testing.assert_close(
            vectors.mean(1), torch.zeros_like(vectors[:, 0]), rtol=0, atol=1e-6
        )
        zero = dropped[name] == 0
        assert 0.3 < zero.double().mean() < 0.7
        torch.testing.assert_close(dropped[name][~zero], 2 * vectors[~zero])
