"""Inputs of the types: features, one-hot codes, noise."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.models.rphgnn.features import input_matrix, noise
from hetgraph.seeds import Seeds


@pytest.fixture
def graph() -> HeteroGraph:
    ends = torch.tensor([0, 1, 2])
    sparse = torch.zeros(40, 100)
    sparse[torch.arange(40), torch.arange(40)] = 2.5
    return HeteroGraph(
        num_nodes={"given": 3, "coded": 3, "bare": 3, "sparse": 40},
        relations={EdgeType("given", "to", "coded"): Relation.from_edges(ends, ends, 3, 3)},
        features={
            "given": torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
            "coded": torch.tensor([2, 0, 2]),
            "sparse": CSR.from_dense(sparse),
        },
    )


def test_given_features_are_passed_through(graph):
    x = input_matrix(graph, "given", 8, Seeds())
    assert torch.equal(x, graph.features["given"])


def test_codes_become_one_hot(graph):
    x = input_matrix(graph, "coded", 8, Seeds(), sparse=False)
    assert x.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("dense_storage", [True, False])
def test_few_nonzeros_are_kept_sparse_if_allowed(graph, dense_storage):
    values = graph.features["sparse"].to_dense()
    if dense_storage:
        graph = graph.with_features("sparse", values)
    x = input_matrix(graph, "sparse", 8, Seeds())
    assert isinstance(x, CSR)
    assert torch.equal(x.to_dense(), values)
    assert torch.equal(input_matrix(graph, "sparse", 8, Seeds(), sparse=False), values)


def test_noise_rows_have_expected_norm_one():
    x = noise(2000, 64, torch.Generator().manual_seed(1))
    assert float(x.square().sum(dim=1).mean()) == pytest.approx(1, rel=0.02)
    assert float(x.mean()) == pytest.approx(0, abs=0.002)


def test_noise_depends_on_the_projection_seed_and_the_type_only(graph):
    more = HeteroGraph(
        num_nodes={"bare": 3, "other": 3},
        relations={
            EdgeType("bare", "to", "other"): Relation.from_edges(
                torch.tensor([0]), torch.tensor([0]), 3, 3
            )
        },
    )
    first = input_matrix(graph, "bare", 16, Seeds(projection=1))
    assert torch.equal(first, input_matrix(graph, "bare", 16, Seeds(projection=1, init=9)))
    assert torch.equal(first, input_matrix(more, "bare", 16, Seeds(projection=1)))
    assert not torch.equal(first, input_matrix(graph, "bare", 16, Seeds(projection=2)))
    assert not torch.equal(first, input_matrix(more, "other", 16, Seeds(projection=1)))
