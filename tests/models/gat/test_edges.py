"""GAT with weights, features and ages of edges, against a loop and against PyG."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import EdgeType
from hetgraph.models.gat import GATConfig
from hetgraph.models.gat.model import GATLayer
from hetgraph.nn import JointGraph

IN, HEADS, OUT = 5, 2, 3
CONFIG = GATConfig(hidden_dim=OUT, num_heads=HEADS, dropout=0.0)

EdgeJoint = tuple[JointGraph, dict[EdgeType, int]]


def random_layer(dims: dict[EdgeType, int]) -> GATLayer:
    layer = GATLayer(IN, CONFIG, dims).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.5)
    return layer


def looped(layer: GATLayer, x: Tensor, joint: JointGraph) -> Tensor:
    """Node by node and head by head, from the definition."""
    edges = joint.edges
    assert edges is not None
    assert edges.log_weight is not None
    weight = edges.log_weight.exp()
    inputs = {
        int(place): (key, value)
        for key, edge in edges.inputs.items()
        for place, value in zip(edges.places[key], edge.values, strict=True)  # type: ignore[arg-type]
    }
    value = (x @ layer.value.weight.t()).view(-1, HEADS, OUT)
    rows, cols = joint.csr.coo()
    out = []
    for node in range(len(x)):
        heads = []
        for head in range(HEADS):
            factors, messages = [], []
            for entry in (rows == node).nonzero().flatten().tolist():
                message = value[cols[entry], head]
                score = value[node, head] @ layer.dst_vector[head]
                score = score + message @ layer.src_vector[head]
                if entry in inputs:
                    key, given = inputs[entry]
                    score = score + given @ layer.edge_maps[key].score[:, head]
                    message = message + given @ layer.edge_maps[key].message[head]
                factors.append(weight[entry] * F.leaky_relu(score, CONFIG.negative_slope).exp())
                messages.append(message)
            total = sum(factors)
            heads.append(sum(f / total * m for f, m in zip(factors, messages, strict=True)))
        out.append(torch.cat(heads) + layer.bias)
    return torch.stack(out)


def test_values_and_gradients_equal_the_loop(edge_joint: EdgeJoint) -> None:
    joint, dims = edge_joint
    layer = random_layer(dims)
    x = torch.randn(joint.csr.num_rows, IN, dtype=torch.float64, requires_grad=True)
    result, expected = layer(x, joint), looped(layer, x, joint)
    torch.testing.assert_close(result, expected)
    upstream = torch.randn_like(result)
    wanted = [x, *layer.parameters()]
    assert len(wanted) == 5 + 2 * len(dims)
    ours = torch.autograd.grad(result, wanted, upstream)
    theirs = torch.autograd.grad(expected, wanted, upstream)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)
        assert bool(mine.any())


def test_a_score_of_features_equals_that_of_pyg(edge_joint: EdgeJoint) -> None:
    pytest.importorskip("torch_geometric")
    from torch_geometric.nn import GATConv

    joint, dims = edge_joint
    edges = joint.edges
    assert edges is not None
    key = EdgeType("paper", "cites", "paper")
    only = replace(edges, log_weight=None)
    joint, rows = replace(joint, edges=only), joint.csr.row_ids
    layer = random_layer({key: dims[key]})
    with torch.no_grad():
        layer.edge_maps[key].message.zero_()  # PyG sends no features
    peer = GATConv(IN, OUT, heads=HEADS, add_self_loops=False, edge_dim=dims[key]).double()
    with torch.no_grad():
        peer.lin.weight.copy_(layer.value.weight)
        peer.att_dst.copy_(layer.dst_vector[None])
        peer.att_src.copy_(layer.src_vector[None])
        peer.bias.copy_(layer.bias)
        peer.att_edge.zero_()
        peer.att_edge[0, :, 0] = 1.0
        peer.lin_edge.weight.view(HEADS, OUT, -1)[:, 0] = layer.edge_maps[key].score.T
    attributes = torch.zeros(joint.csr.nnz, dims[key], dtype=torch.float64)
    attributes[edges.places[key]] = edges.inputs[key].values  # type: ignore[assignment]
    x = torch.randn(joint.csr.num_rows, IN, dtype=torch.float64)
    ends = torch.stack([joint.csr.indices.long(), rows])
    torch.testing.assert_close(layer(x, joint), peer(x, ends, attributes))


def test_dropped_weights_average_to_the_layer(edge_joint: EdgeJoint) -> None:
    joint, dims = edge_joint
    layer = random_layer(dims)
    layer.config = replace(CONFIG, attention_dropout=0.5)
    x = torch.randn(joint.csr.num_rows, IN, dtype=torch.float64)
    assert not torch.equal(layer(x, joint), layer(x, joint))
    mean = torch.stack([layer(x, joint) for _ in range(3000)]).mean(0)
    layer.eval()
    torch.testing.assert_close(mean, layer(x, joint), rtol=0, atol=0.2)
