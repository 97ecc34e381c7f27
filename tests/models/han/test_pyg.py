"""One layer equals PyG's HANConv with the same weights."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR
from hetgraph.models.han.layers import HANLayer
from hetgraph.nn.features import TypeEncoder

HEADS, DIM, WIDTH, NODES = 4, 3, 5, 12
PATHS = [("paper", "pap", "paper"), ("paper", "psp", "paper"), ("paper", "ptp", "paper")]


@pytest.mark.parametrize("count", [1, 3])
def test_a_layer_equals_hanconv(count: int) -> None:
    nn = pytest.importorskip("torch_geometric.nn")
    conv = nn.HANConv(WIDTH, HEADS * DIM, (["paper"], PATHS[:count]), heads=HEADS).double()
    layer = HANLayer(
        [TypeEncoder(WIDTH, HEADS * DIM)],
        count,
        num_heads=HEADS,
        hidden_dim=DIM,
        semantic_dim=HEADS * DIM,
        activation="relu",
    ).double()
    x = torch.randn(NODES, WIDTH, dtype=torch.float64)
    patterns, edges = [], {}
    with torch.no_grad():
        layer.projections[0].weight.copy_(conv.proj["paper"].weight.T)
        layer.projections[0].bias.copy_(conv.proj["paper"].bias)
        for i, path in enumerate(PATHS[:count]):
            layer.paths[i].row.copy_(conv.lin_dst["__".join(path)][0])
            layer.paths[i].col.copy_(conv.lin_src["__".join(path)][0])
            rows, cols = (torch.rand(NODES - 1, NODES) < 0.4).nonzero(as_tuple=True)
            patterns.append(CSR.from_coo(rows, cols, (NODES, NODES)))  # the last is isolated
            edges[path] = torch.stack([cols, rows])
        if layer.semantic is not None:
            layer.semantic.project.load_state_dict(conv.k_lin.state_dict())
            layer.semantic.query.copy_(conv.q)
    result, weights = layer(patterns, x)
    expected, semantic = conv({"paper": x}, edges, return_semantic_attention_weights=True)
    torch.testing.assert_close(result, expected["paper"], atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(weights, semantic["paper"], atol=1e-8, rtol=1e-8)

    probe = torch.randn_like(result)
    (result * probe).sum().backward()
    (expected["paper"] * probe).sum().backward()
    torch.testing.assert_close(
        layer.projections[0].weight.grad, conv.proj["paper"].weight.grad.T, atol=1e-8, rtol=1e-8
    )
    torch.testing.assert_close(
        layer.paths[0].row.grad, conv.lin_dst["__".join(PATHS[0])].grad[0], atol=1e-8, rtol=1e-8
    )
