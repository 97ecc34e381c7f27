"""The layer against dense loops and against PyG's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.models.rgcn.layer import RGCNLayer
from hetgraph.models.rgcn.means import Mean
from hetgraph.nn import LayerPlan, mean_matrix

Means = dict[EdgeType, Mean]


@pytest.fixture
def graph(random_graph: Callable[..., HeteroGraph]) -> HeteroGraph:
    """A multigraph with parallel edges, self loops and isolated nodes."""
    return random_graph(seed=3)


def whole_plan(graph: HeteroGraph) -> LayerPlan:
    types = tuple(graph.node_types)
    return LayerPlan(types, types, tuple(graph.relations))


def exact_mean(relation: Relation) -> Relation:
    return relation.with_weight(torch.ones(relation.nnz).double()).normalized("row")


def exact_means(graph: HeteroGraph) -> Means:
    return {key: Mean.of(exact_mean(relation)) for key, relation in graph.relations.items()}


def random_inputs(graph: HeteroGraph, dim: int) -> dict[str, Tensor]:
    return {
        name: torch.randn(size, dim, dtype=torch.float64, requires_grad=True)
        for name, size in graph.num_nodes.items()
    }


@pytest.mark.parametrize(("in_dim", "out_dim"), [(5, 5), (3, 8), (8, 3)])
@pytest.mark.parametrize("num_bases", [None, 2, 6])
@pytest.mark.parametrize("root_weight", [True, False])
def test_equal_to_pyg_on_the_homogenised_graph(
    graph: HeteroGraph, in_dim: int, out_dim: int, num_bases: int | None, root_weight: bool
) -> None:
    nn = pytest.importorskip("torch_geometric.nn")
    layer = RGCNLayer(
        whole_plan(graph), in_dim, out_dim, num_bases=num_bases, root_weight=root_weight
    ).double()
    peer = nn.RGCNConv(
        in_dim, out_dim, len(graph.relations), num_bases=num_bases, root_weight=root_weight
    ).double()
    with torch.no_grad():
        layer.bias.normal_()
        peer.weight.copy_(layer.weight)
        peer.bias.copy_(layer.bias)
        if layer.mixture is not None:
            peer.comp.copy_(layer.mixture)
        if layer.root is not None:
            peer.root.copy_(layer.root)

    first = dict(zip(graph.num_nodes, _offsets(graph), strict=True))
    pairs, kinds = [], []
    for kind, (key, relation) in enumerate(graph.relations.items()):
        src, dst = relation.edges()
        pairs.append(torch.stack([src + first[key.src], dst + first[key.dst]]))
        kinds.append(torch.full_like(src, kind))
    x = random_inputs(graph, in_dim)
    expected = peer(torch.cat(list(x.values())), torch.cat(pairs, 1), torch.cat(kinds))
    result = torch.cat(list(layer(x, exact_means(graph)).values()))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-8)

    weights = torch.randn_like(expected)
    others = [p for p in (peer.weight, peer.comp, peer.root, peer.bias) if p is not None]
    ours = _gradients((result * weights).sum(), [*x.values(), *layer.parameters()])
    theirs = _gradients((expected * weights).sum(), [*x.values(), *others])
    for actual, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(actual, other, rtol=0, atol=1e-8)


def _gradients(total: Tensor, wanted: list[Tensor]) -> tuple[Tensor, ...]:
    """Zeros where nothing flows: terms send to nobody and may have no weight of their own."""
    return torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)


def _offsets(graph: HeteroGraph) -> list[int]:
    sizes = torch.tensor(list(graph.num_nodes.values()))
    return (sizes.cumsum(0) - sizes).tolist()


@pytest.mark.parametrize("signed", [False, True])
def test_weighted_edges_give_a_weighted_mean(
    graph: HeteroGraph, weigh: Callable[..., HeteroGraph], signed: bool
) -> None:
    """Against a loop over edges; what arrives with weights of zero alone is zero."""
    key = graph.schema.edge_type("writes")
    relation = weigh(graph, signed=signed).relations[key]
    plan = LayerPlan(("author", "paper"), ("paper",), (key,))
    layer = RGCNLayer(plan, 4, 3).double()
    x = random_inputs(graph, 4)
    means = {key: Mean.of(mean_matrix(relation))}
    exact = {key: Mean.of(mean_matrix(relation).with_weight(means[key].matrix.weight.double()))}
    result = layer(x, exact)["paper"]
    arrived = torch.zeros(graph.num_nodes["paper"], 4, dtype=torch.float64)
    total = torch.zeros(graph.num_nodes["paper"], dtype=torch.float64)
    src, dst = (ids.tolist() for ids in relation.edges())
    for node, other, weight in zip(dst, src, relation.weight.tolist(), strict=True):
        arrived[node] += weight * x["author"][other]
        total[node] += abs(weight)
    mean = torch.where(total[:, None] > 0, arrived / total[:, None].clamp(min=1e-300), 0.0)
    expected = mean @ layer.weight[0] + x["paper"] @ layer.root + layer.bias
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


def test_a_type_without_messages_keeps_its_own_part(toy_graph: HeteroGraph) -> None:
    key = toy_graph.schema.edge_type("writes")
    plan = LayerPlan(("author", "paper"), ("author", "paper"), (key,))
    layer = RGCNLayer(plan, 4, 4).double()
    x = random_inputs(toy_graph, 4)
    out = layer(x, exact_means(toy_graph))
    torch.testing.assert_close(out["author"], x["author"] @ layer.root + layer.bias)
    assert out["paper"].shape == (3, 4)


def test_relations_among_few_nodes_read_and_write_these_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    keys = [EdgeType("a", f"r{number}", "a") for number in range(5)]
    few = torch.randint(100, (5, 2, 6), generator=generator)  # parallel edges and loops, too
    relations = {
        key: CSR.from_coo(dst, src, (100, 100), weight=torch.rand(6, generator=generator).double())
        for key, (src, dst) in zip(keys, few, strict=True)
    }
    relations[keys[2]] = CSR.from_coo([], [], (100, 100), weight=torch.zeros(0).double())
    means = {key: Mean.of(relation.normalized("row")) for key, relation in relations.items()}
    for key, mean in means.items():
        assert mean.dst is not None
        assert mean.matrix.num_rows == int((relations[key].degree > 0).sum())
    whole = {key: Mean(relation.normalized("row")) for key, relation in relations.items()}
    whole[keys[0]] = means[keys[0]]  # both kinds side by side
    layer = RGCNLayer(LayerPlan(("a",), ("a",), tuple(keys)), 4, 3, num_bases=2).double()
    x = torch.randn(100, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    result, expected = (layer({"a": x}, given)["a"] for given in (means, whole))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    weights = torch.randn(100, 3, dtype=torch.float64, generator=generator)
    wanted = [x, *layer.parameters()]
    ours, theirs = (_gradients((x * weights).sum(), wanted) for x in (result, expected))
    for actual, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(actual, other, rtol=0, atol=1e-12)
