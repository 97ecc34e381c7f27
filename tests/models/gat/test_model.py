"""GAT: equal to PyG's layer on the joint graph."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hetgraph.data import CSR, HeteroGraph
from hetgraph.errors import ConfigError
from hetgraph.models.gat import GATConfig
from hetgraph.models.gat.model import GATLayer
from hetgraph.nn import JointGraph, layer_plans


@pytest.fixture
def joint(random_graph: Callable[..., HeteroGraph]) -> JointGraph:
    graph = random_graph()
    plan = layer_plans(graph.schema, "author", 2)[0]
    return JointGraph.join(plan, graph.num_nodes, graph.relations)


def test_equal_to_pyg(joint: JointGraph) -> None:
    pytest.importorskip("torch_geometric")
    from torch_geometric.nn import GATConv

    config = GATConfig(hidden_dim=3, num_heads=2, dropout=0.0)
    layer = GATLayer(5, config).double()
    peer = GATConv(5, 3, heads=2, add_self_loops=False).double()
    with torch.no_grad():
        peer.lin.weight.copy_(layer.value.weight)
        peer.att_dst.copy_(layer.dst_vector[None])
        peer.att_src.copy_(layer.src_vector[None])
        peer.bias.copy_(layer.bias.normal_())
    x = torch.randn(joint.csr.num_rows, 5, dtype=torch.float64, requires_grad=True)
    rows, cols = joint.csr.coo()
    expected = peer(x, torch.stack([cols, rows]).long())
    result = layer(x, joint)
    torch.testing.assert_close(result, expected)
    mine, theirs = (torch.autograd.grad(y.square().sum(), x)[0] for y in (result, expected))
    torch.testing.assert_close(mine, theirs)


def test_dropped_weights_average_to_the_layer(joint: JointGraph) -> None:
    torch.manual_seed(0)
    config = GATConfig(hidden_dim=2, num_heads=2, dropout=0.0, attention_dropout=0.5)
    layer = GATLayer(4, config).double()
    x = torch.randn(joint.csr.num_rows, 4, dtype=torch.float64)
    mean = torch.stack([layer(x, joint) for _ in range(2000)]).mean(0)
    layer.eval()
    torch.testing.assert_close(mean, layer(x, joint), rtol=0, atol=0.1)


def test_a_node_alone_attends_to_itself() -> None:
    loop = torch.arange(3)
    csr = CSR.from_coo(loop, loop, (3, 3))
    graph = JointGraph(csr, CSR.from_coo(loop, loop * 0, (3, 1)), {"node": slice(0, 3)})
    layer = GATLayer(4, GATConfig(hidden_dim=2, num_heads=2)).eval()
    x = torch.randn(3, 4)
    torch.testing.assert_close(layer(x, graph), layer.value(x))


@pytest.mark.parametrize("settings", [{"num_heads": 0}, {"dropout": 1.0}])
def test_bad_settings(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        GATConfig(**settings)  # type: ignore[arg-type]
