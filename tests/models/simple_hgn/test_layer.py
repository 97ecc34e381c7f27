"""The attention layer against a dense loop in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.models.simple_hgn.layer import SimpleHGNLayer

HEADS, IN, OUT, EDGE = 2, 5, 3, 4


def make(joint, **options):
    torch.manual_seed(1)
    kinds = int(joint.edge_type.max()) + 1
    layer = SimpleHGNLayer(IN, OUT, HEADS, kinds, edge_dim=EDGE, negative_slope=0.1, **options)
    return layer.double()


def dense(layer, x, joint, before=None, fraction=0.0):
    """Node by node and head by head, from the definition."""
    rows, cols = joint.csr.coo()
    value = (x @ layer.value.weight.t()).view(-1, HEADS, OUT)
    kinds = layer.edge_embedding.weight
    edge_value = (kinds @ layer.edge_value.weight.t()).view(-1, HEADS, EDGE)
    out, alpha = [], torch.zeros(joint.csr.nnz, HEADS, dtype=x.dtype)
    for node in range(x.shape[0]):
        mine = (rows == node).nonzero().squeeze(1)
        heads = []
        for head in range(HEADS):
            score = torch.stack(
                [
                    value[node, head] @ layer.dst_vector[head]
                    + value[cols[e], head] @ layer.src_vector[head]
                    + edge_value[joint.edge_type[e], head] @ layer.edge_vector[head]
                    for e in mine
                ]
            )
            weight = F.leaky_relu(score, 0.1).softmax(0)
            if before is not None:
                weight = (1 - fraction) * weight + fraction * before[mine, head]
            alpha[mine, head] = weight.detach()
            heads.append(sum(w * value[cols[e], head] for w, e in zip(weight, mine, strict=True)))
        out.append(torch.stack(heads))
    result = torch.stack(out)
    if layer.residual is not None:
        result = result + (x @ layer.residual.weight.t()).view_as(result)
    return result, alpha


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_forward_and_gradients_equal_the_dense_loop(joint, residual, fraction):
    layer = make(joint, residual=residual)
    x = torch.randn(joint.csr.num_rows, IN, dtype=torch.float64, requires_grad=True)
    before = torch.rand(joint.csr.nnz, HEADS, dtype=torch.float64) if fraction else None
    out, alpha = layer(x, joint, before, fraction)
    expected, weights = dense(layer, x, joint, before, fraction)
    torch.testing.assert_close(out, expected, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(alpha, weights, atol=1e-10, rtol=1e-10)
    upstream = torch.randn_like(out)
    wanted = [x, *layer.parameters()]
    ours = torch.autograd.grad(out, wanted, upstream)
    theirs = torch.autograd.grad(expected, wanted, upstream)
    for actual, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(actual, other, atol=1e-9, rtol=1e-9)
        assert bool(actual.any())


def test_weights_of_a_node_sum_to_one_over_all_relations(joint):
    _, alpha = make(joint)(torch.randn(joint.csr.num_rows, IN).double(), joint)
    total = alpha.new_zeros(joint.csr.num_rows, HEADS).index_add(0, joint.csr.row_ids, alpha)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_a_node_without_edges_keeps_its_own_value(joint):
    layer = make(joint)
    x = torch.randn(joint.csr.num_rows, IN).double()
    out, _ = layer(x, joint)
    alone = joint.csr.degree == 1
    assert bool(alone.any())
    torch.testing.assert_close(out.flatten(1)[alone], layer.value(x)[alone])


def test_the_edge_type_moves_attention_and_nothing_else(joint):
    layer = make(joint)
    x = torch.randn(joint.csr.num_rows, IN).double()
    torch.nn.init.zeros_(layer.edge_vector)
    _, blind = layer(x, joint)
    with torch.no_grad():  # Types 0 and 1 alike, and far above the others.
        layer.edge_embedding.weight.zero_()
        layer.edge_embedding.weight[:2] = 1.0
        layer.edge_value.weight.fill_(1.0)
        layer.edge_vector.fill_(10.0)
    assert layer.type_scores().unique().tolist() == [0.0, 160.0]
    _, alpha = layer(x, joint)
    high = joint.edge_type < 2
    reached = torch.zeros(joint.csr.num_rows, dtype=torch.bool)
    reached[joint.csr.row_ids[high]] = True
    there = reached[joint.csr.row_ids]
    assert bool((alpha[there & ~high] < 1e-9).all())
    torch.testing.assert_close(alpha[~there], blind[~there])


def test_dropout_thins_weights_and_inputs_in_training_alone(joint):
    layer = make(joint, attention_dropout=0.5)
    x = torch.randn(joint.csr.num_rows, IN).double()
    _, kept = layer.eval()(x, joint)
    _, thinned = layer.train()(x, joint)
    dropped = thinned == 0
    assert 0.3 < float(dropped.double().mean()) < 0.7
    torch.testing.assert_close(thinned[~dropped], 2 * kept[~dropped])
    assert not bool((kept == 0).any())
    wet = make(joint, dropout=0.9, residual=True).train()
    assert not torch.equal(wet(x, joint)[0], wet(x, joint)[0])
