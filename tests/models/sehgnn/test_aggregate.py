"""Means along meta-paths against dense products."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR, HeteroGraph, Relation
from hetgraph.errors import BudgetError
from hetgraph.metapaths import MetaPath
from hetgraph.models.sehgnn import aggregate
from hetgraph.models.sehgnn.aggregate import (
    aggregate_features,
    aggregate_labels,
    input_matrix,
    label_table,
)

TEXTS = (
    "paper-author",
    "author-paper-author",
    "term-paper-author",
    "author-paper-term-paper-author",
    "author -writes> paper -cites> paper -written_by> author",
)


@pytest.fixture
def graph(random_graph: Callable[..., HeteroGraph]) -> HeteroGraph:
    return random_graph(num_nodes=20)


def dense(x: Tensor | CSR) -> Tensor:
    return x if isinstance(x, Tensor) else x.to_dense()


def walk(graph: HeteroGraph, path: MetaPath) -> Tensor:
    """The product of the row-normalised matrices along a path, in float64.

    Rows are divided by the sum of the absolute weights of their edges.
    """
    product = torch.eye(graph.num_nodes[path.start], dtype=torch.float64)
    for edge_type, forward in path.steps:
        relation = graph.relations[edge_type]
        relation = relation if forward else relation.transpose
        weight = torch.ones(relation.nnz) if relation.weight is None else relation.weight
        total = relation.with_weight(weight.abs()).to_dense(torch.float64).sum(1, keepdim=True)
        matrix = relation.to_dense(torch.float64)
        product = matrix / torch.where(total == 0, 1, total) @ product
    return product


@pytest.mark.parametrize("weights", ["none", "some", "signed"])
@pytest.mark.parametrize("density", [0.2, 0.0, 1.1])
def test_means_are_products_of_row_normalised_matrices(
    graph: HeteroGraph,
    weigh: Callable[..., HeteroGraph],
    monkeypatch: pytest.MonkeyPatch,
    density: float,
    weights: str,
) -> None:
    """Whether they are kept dense, sparse, or as they come."""
    if weights != "none":
        graph = weigh(graph, signed=weights == "signed")
    monkeypatch.setattr(aggregate, "SPARSE_FRACTION", density)
    paths = [MetaPath.parse(text, graph.schema) for text in TEXTS]
    for path, mean in zip(paths, aggregate_features(graph, paths), strict=True):
        features = dense(input_matrix(graph, path.start)).double()
        torch.testing.assert_close(dense(mean), (walk(graph, path) @ features).float())


def test_shared_beginnings_are_multiplied_once(
    graph: HeteroGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    multiply = aggregate._multiply
    monkeypatch.setattr(
        aggregate, "_multiply", lambda factor, x: calls.append(1) or multiply(factor, x)
    )
    texts = ("author-paper-author", "author-paper-term", "author-paper-term-paper")
    aggregate_features(graph, [MetaPath.parse(text, graph.schema) for text in texts])
    assert len(calls) == 4  # author-paper, then author, term, and term-paper


def test_a_path_of_a_relation_of_the_users_own(graph: HeteroGraph) -> None:
    ids = torch.arange(20)
    ring = Relation.from_edges(ids, ids.roll(1), 20, 20)
    path = MetaPath.from_relation(graph.schema, "ring", "author", "author", ring)
    (mean,) = aggregate_features(graph, [path])
    assert torch.equal(dense(mean), dense(input_matrix(graph, "author")).roll(-1, 0))


def test_what_types_without_features_send(graph: HeteroGraph) -> None:
    assert torch.equal(dense(input_matrix(graph, "term")), torch.eye(graph.num_nodes["term"]))
    codes = torch.tensor([2, 0, *[1] * 9])
    coded = graph.with_features("term", codes)
    assert torch.equal(dense(input_matrix(coded, "term")), torch.eye(3)[codes])


def test_only_training_labels_are_sent() -> None:
    train = torch.tensor([0, 3])
    single = label_table(torch.tensor([1, 0, 2, 0]), train, 3)
    assert single.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    several = torch.tensor([[1.0, 1.0], [1.0, 0.0], [-1.0, -1.0], [0.0, 1.0]])
    assert label_table(several, train, 2).tolist() == [[1, 1], [0, 0], [0, 0], [0, 1]]


def test_a_node_does_not_receive_its_own_label(graph: HeteroGraph) -> None:
    paths = [MetaPath.parse(text, graph.schema) for text in TEXTS[3:]]
    table = torch.randn(20, 3)
    for path, arrived in zip(paths, aggregate_labels(graph, paths, table, "1GiB"), strict=True):
        expected = walk(graph, path).fill_diagonal_(0) @ table.double()
        torch.testing.assert_close(arrived, expected.float())
    with pytest.raises(BudgetError):
        aggregate_labels(graph, paths, table, "10B")
