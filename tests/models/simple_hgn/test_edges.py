"""Simple-HGN with weights, features and ages of edges, against a loop."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.models.simple_hgn.layer import SimpleHGNLayer

HEADS, IN, OUT, EDGE = 2, 5, 3, 4


def random_layer(joint, dims, **options):
    kinds = int(joint.edge_type.max()) + 1
    layer = SimpleHGNLayer(IN, OUT, HEADS, kinds, edge_dim=EDGE, edge_dims=dims, **options).double()
    with torch.no_grad():
        for parameter in layer.edge_maps.parameters():
            parameter.normal_(std=0.5)
    return layer


def looped(layer, x, joint, before, fraction):
    """Node by node and head by head, from the definition."""
    edges = joint.edges
    weight = edges.log_weight.exp()
    inputs = {
        int(place): (key, value)
        for key, edge in edges.inputs.items()
        for place, value in zip(edges.places[key], edge.values, strict=True)
    }
    value, of_type = (x @ layer.value.weight.t()).view(-1, HEADS, OUT), layer.type_scores()
    rows, cols = joint.csr.coo()
    out = []
    for node in range(len(x)):
        heads = []
        for head in range(HEADS):
            factors, messages, old = [], [], []
            for entry in (rows == node).nonzero().flatten().tolist():
                message = value[cols[entry], head]
                score = value[node, head] @ layer.dst_vector[head]
                score = score + message @ layer.src_vector[head]
                score = score + of_type[joint.edge_type[entry], head]
                if entry in inputs:
                    key, given = inputs[entry]
                    score = score + given @ layer.edge_maps[key].score[:, head]
                    message = message + given @ layer.edge_maps[key].message[head]
                factors.append(weight[entry] * F.leaky_relu(score, 0.05).exp())
                messages.append(message)
                old.append(before[entry, head])
            total = sum(factors)
            alpha = [
                (1 - fraction) * f / total + fraction * o for f, o in zip(factors, old, strict=True)
            ]
            heads.append(sum(a * m for a, m in zip(alpha, messages, strict=True)))
        out.append(torch.stack(heads))
    result = torch.stack(out)
    return result + (x @ layer.residual.weight.t()).view_as(result)


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_values_and_gradients_equal_the_loop(edge_joint, fraction):
    joint, dims = edge_joint
    layer = random_layer(joint, dims, residual=True)
    x = torch.randn(joint.csr.num_rows, IN, dtype=torch.float64, requires_grad=True)
    before = torch.rand(joint.csr.nnz, HEADS, dtype=torch.float64)
    result, _ = layer(x, joint, before, fraction)
    expected = looped(layer, x, joint, before, fraction)
    torch.testing.assert_close(result, expected)
    upstream = torch.randn_like(result)
    wanted = [x, *layer.parameters()]
    ours = torch.autograd.grad(result, wanted, upstream)
    theirs = torch.autograd.grad(expected, wanted, upstream)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)
        assert bool(mine.any())


def test_maps_of_edges_begin_at_zero_and_draw_nothing(edge_joint):
    joint, dims = edge_joint
    kinds = int(joint.edge_type.max()) + 1
    torch.manual_seed(3)
    plain = SimpleHGNLayer(IN, OUT, HEADS, kinds, edge_dim=EDGE)
    torch.manual_seed(3)
    layer = SimpleHGNLayer(IN, OUT, HEADS, kinds, edge_dim=EDGE, edge_dims=dims)
    assert not any(bool(parameter.any()) for parameter in layer.edge_maps.parameters())
    for name, parameter in plain.named_parameters():
        assert torch.equal(parameter, layer.get_parameter(name))
