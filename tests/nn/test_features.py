"""Encoders of dense, sparse, categorical and absent features."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from hetgraph.data import CSR, HeteroGraph
from hetgraph.errors import DataError, SchemaError
from hetgraph.nn import FeatureEncoder, feature_matrix
from hetgraph.nn.features import SPARSE_FRACTION, TypeEncoder


def few_ones(rows=30, cols=12, share=0.1):
    dense = (torch.rand(rows, cols) < share) * torch.rand(rows, cols)
    dense[0] = 0.0  # a node without any feature
    return dense


def outcome(encoder, features, upstream):
    encoder.zero_grad()
    out = encoder(features)
    out.backward(upstream)
    return out.detach(), encoder.weight.grad.clone()


@pytest.mark.parametrize("bias", [True, False])
def test_sparse_features_give_what_dense_ones_give(bias):
    dense = few_ones()
    encoder = TypeEncoder(12, 5, bias=bias)
    if bias:
        torch.nn.init.normal_(encoder.bias)
    upstream = torch.randn(30, 5)
    one, one_grad = outcome(encoder, dense, upstream)
    two, two_grad = outcome(encoder, CSR.from_dense(dense), upstream)
    torch.testing.assert_close(one, dense @ encoder.weight + (encoder.bias if bias else 0.0))
    torch.testing.assert_close(two, one)
    torch.testing.assert_close(two_grad, one_grad)
    if bias:
        torch.testing.assert_close(encoder.bias.grad, upstream.sum(0))


def test_codes_pick_rows_and_unknown_ones_give_zero():
    encoder = TypeEncoder(4, 3, lookup=True)
    codes = torch.tensor([2, -1, 0, 2])
    out, grad = outcome(encoder, codes, torch.ones(4, 3))
    assert torch.equal(out[[0, 2, 3]], encoder.weight[[2, 0, 2]])
    assert not bool(out[1].any())
    assert torch.equal(grad[:, 0], torch.tensor([1.0, 0.0, 2.0, 0.0]))


def test_a_lookup_may_share_a_bias():
    encoder = TypeEncoder(4, 3, lookup=True)
    torch.nn.init.normal_(encoder.bias)
    assert torch.equal(encoder(None), encoder.weight + encoder.bias)
    assert torch.equal(
        encoder(torch.tensor([1, -1])), torch.stack([encoder(None)[1], encoder.bias])
    )


def toy(graph: HeteroGraph, **features) -> HeteroGraph:
    for name, x in features.items():
        graph = graph.with_features(name, x)
    return graph


def test_features_are_stored_as_they_multiply_fastest(toy_graph):
    many, few = torch.rand(3, 40), torch.zeros(3, 40)
    few[0, 7] = 2.0
    assert isinstance(feature_matrix(toy(toy_graph, paper=many), "paper"), torch.Tensor)
    sparse = feature_matrix(toy(toy_graph, paper=few), "paper")
    assert isinstance(sparse, CSR)
    assert torch.equal(sparse.to_dense(), few)
    full = feature_matrix(toy(toy_graph, paper=CSR.from_dense(many)), "paper")
    assert torch.equal(full, many)
    kept = feature_matrix(toy(toy_graph, paper=CSR.from_dense(few)), "paper")
    assert isinstance(kept, CSR)
    assert kept.nnz / (3 * 40) < SPARSE_FRACTION


def test_precision_codes_and_absence(toy_graph):
    graph = toy(toy_graph, paper=torch.rand(3, 4).double(), author=torch.tensor([1, 0]).int())
    assert feature_matrix(graph, "paper").dtype == torch.float32
    codes = feature_matrix(graph, "author")
    assert codes.dtype == torch.int64
    assert codes.tolist() == [1, 0]
    assert feature_matrix(graph, "venue") is None
    half = CSR.from_dense(few_ones(3, 40)).to_dense().half()
    assert feature_matrix(toy(toy_graph, paper=half), "paper").weight.dtype == torch.float32


def encode(
    graph: HeteroGraph, num_nodes: Mapping[str, int], **options
) -> tuple[FeatureEncoder, dict]:
    encoder = FeatureEncoder(graph.schema, num_nodes, graph.node_types, 5, **options)
    return encoder, encoder({name: feature_matrix(graph, name) for name in graph.node_types})


def test_every_kind_gets_the_common_width(toy_graph):
    graph = toy(toy_graph, author=torch.tensor([2, 0]))
    encoder, out = encode(graph, {"venue": 1})
    assert {name: list(x.shape) for name, x in out.items()} == {
        "author": [2, 5],
        "paper": [3, 5],
        "venue": [1, 5],
    }
    assert torch.equal(out["venue"], encoder["venue"].weight)
    assert encoder["venue"].bias is None
    torch.testing.assert_close(out["paper"], graph.features["paper"] @ encoder["paper"].weight)
    assert torch.equal(out["author"], encoder["author"].weight[[2, 0]])


def test_types_may_be_told_to_learn_a_vector_a_node(toy_graph):
    encoder, out = encode(toy_graph, toy_graph.num_nodes, ids={"paper"})
    assert torch.equal(out["paper"], encoder["paper"].weight)
    assert encoder["paper"].weight.shape == (3, 5)
    assert not encoder["author"].lookup


def test_without_features_the_number_of_nodes_must_be_known(toy_graph):
    with pytest.raises(SchemaError, match=r"'venue' has no features.*with_features"):
        encode(toy_graph, {})
    # Types that are not encoded need no size.
    FeatureEncoder(toy_graph.schema, {}, ["author"], 5)


def test_features_of_another_width_are_refused(toy_graph):
    encoder = FeatureEncoder(toy_graph.schema, {}, ["paper"], 5)
    for wrong in (torch.ones(3, 2), CSR.from_dense(torch.ones(3, 2))):
        with pytest.raises(DataError, match="features of 'paper' have dimension 2, expected 1"):
            encoder({"paper": wrong})


def test_features_of_no_width_are_no_features(toy_graph):
    graph = toy(toy_graph, paper=torch.ones(3, 0))
    encoder = FeatureEncoder(graph.schema, {"paper": 3}, ["paper"], 5)
    out = encoder({"paper": feature_matrix(graph, "paper")})
    assert torch.equal(out["paper"], encoder["paper"].weight)


def test_unknown_types_and_missing_features_are_told(toy_graph: HeteroGraph) -> None:
    with pytest.raises(SchemaError, match="Did you mean 'paper'"):
        feature_matrix(toy_graph, "papr")
    with pytest.raises(SchemaError, match="Did you mean 'paper'"):
        FeatureEncoder(toy_graph.schema, toy_graph.num_nodes, ["papr"], 4)
    encoder = FeatureEncoder(toy_graph.schema, toy_graph.num_nodes, toy_graph.node_types, 4)
    with pytest.raises(DataError, match="features of 'author', 'paper' are missing"):
        encoder({"venue": None})
