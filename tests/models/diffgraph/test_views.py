"""Views of the target: meta-paths, and the nodes that most of them reach."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.catalog.loading import load_dataset
from hetgraph.data import CSR, HeteroGraph, Relation
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.models.diffgraph.views import View, make_views, positive_graph, sum_to_one
from hetgraph.nn import metapath_relations
from hetgraph.nn.features import TypeEncoder
from hetgraph.nn.propagator import make_propagator
from hetgraph.tasks import Task, make_task


def pattern(*pairs: tuple[int, int], size: int = 4) -> CSR:
    rows, cols = torch.tensor(pairs).T
    return CSR.from_coo(rows, cols, (size, size))


def test_positives_are_those_most_relations_reach() -> None:
    first = pattern((0, 0), (0, 1), (0, 2), (1, 1), (2, 3))
    second = pattern((0, 2), (0, 3), (1, 0), (2, 3))
    seen = set()
    for seed in range(20):
        made = positive_graph([first, second], 2, torch.Generator().manual_seed(seed))
        assert made.weight is None
        chosen = [made.indices[made.row_ids == row].tolist() for row in range(4)]
        assert chosen[1:] == [[0, 1], [3], []]
        assert 2 in chosen[0]  # reached twice
        seen |= set(chosen[0])
    assert seen == {0, 1, 2, 3}  # beside it each of the others at some time


def test_parallel_entries_count_once() -> None:
    made = positive_graph([pattern((0, 1), (0, 1), (0, 2)), pattern((0, 2))], 1, torch.Generator())
    assert made.indices.tolist() == [2]


@pytest.mark.parametrize("count", [1, 3, 100])
def test_equal_to_a_loop(count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    patterns = []
    for _ in range(3):
        rows, cols = torch.randint(15, (2, 60), generator=generator)
        patterns.append(CSR.from_coo(rows, cols, (15, 15)).coalesced("binary"))
    total = sum(one.to_dense(torch.float64) for one in patterns)
    made = positive_graph(patterns, count, generator).to_dense(torch.float64)
    for row in range(15):
        linked = sorted((total[row, c].item() for c in range(15) if total[row, c]), reverse=True)
        actual = sorted((total[row] * made[row])[made[row] > 0].tolist(), reverse=True)
        assert actual == linked[:count]


def test_positives_come_last(random_graph: Callable[..., HeteroGraph], classified) -> None:
    task = classified(random_graph())
    views = make_views(task, ("author-paper-author",), None, 2, "1GiB", torch.Generator())
    assert len(views) == 2


@pytest.fixture
def classified() -> Callable[[HeteroGraph], Task]:
    def make(graph: HeteroGraph) -> Task:
        ids = torch.arange(20)
        labels = Labels("author", 2, ids, ids % 2)
        split = Split(ids[:10], ids[10:14], ids[14:])
        return make_task(Dataset("toy/views", graph, labels, {"default": split}))

    return make


def composed(task: Task, paths: tuple[str, ...]) -> list[Relation]:
    """The relations of meta-paths that begin at the target."""
    actual = metapath_relations(task.graph, task.dataset_name, task.spec.ends, paths)
    return list(actual.values())


def test_the_views_of_dblp_to_the_entry(data_root) -> None:
    """APTPA is not in the release; its recipe gives 7,043,571 entries, all of the diagonal."""
    task = make_task(load_dataset("heco/dblp", data_root))
    paths = (
        "author-paper-author",
        "author-paper-conference-paper-author",
        "author-paper-term-paper-author",
    )
    made = composed(task, paths)
    assert [one.nnz for one in made] == [11_113, 5_000_495, 7_043_571]
    for one in made:
        assert int((one.row_ids == one.indices).sum()) == 4057


def test_the_positives_of_aminer_are_those_of_heco(data_root) -> None:
    """The same up to ties: as many, and for each node as often reached by meta-paths."""
    task = make_task(load_dataset("heco/aminer", data_root))
    paths = ("paper-author-paper", "paper-reference-paper")
    patterns = composed(task, paths)
    made = positive_graph(patterns, 15, torch.Generator())
    stored = CSR.from_scipy(sp.load_npz(data_root / "heco/aminer/pos.npz"))
    assert made.nnz == stored.nnz == 67_730
    assert torch.equal(made.degree, stored.degree)
    assert not torch.equal(made.degree, made.transpose.degree)
    reached = sum(_scipy(one) for one in patterns).tocsr()
    for one in (made, stored):
        assert one.indices.numel() == one.coalesced("binary").nnz
    actual, expected = (
        np.asarray(reached.multiply(_scipy(one)).sum(axis=1)).ravel() for one in (made, stored)
    )
    assert np.array_equal(actual, expected)


def _scipy(one: CSR) -> sp.csr_matrix:
    data = np.ones(one.nnz, dtype=np.int64)
    return sp.csr_matrix((data, one.indices.numpy(), one.indptr.numpy()), one.shape)


@pytest.mark.parametrize("bias", [True, False])
def test_the_first_product_is_made_of_the_features(bias: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, cols = torch.randint(30, (2, 500), generator=generator)
    propagator = make_propagator(CSR.from_coo(rows, cols, (30, 30)))
    features = CSR.from_dense((torch.rand(30, 4, generator=generator) > 0.5).float())
    view = View.of(propagator, features)
    encoder = TypeEncoder(4, 3, bias=bias)
    first = view.first(encoder)
    assert first is not None
    torch.testing.assert_close(first, propagator(encoder(features)))
    x = encoder(features)
    chosen = torch.tensor([3, 29])
    for layers in (1, 3):
        torch.testing.assert_close(
            encode_view(propagator, x, layers, "unit", chosen, first),
            encode_view(propagator, x, layers, "unit")[chosen],
        )


def test_many_features_or_few_entries_make_no_first_product() -> None:
    propagator = make_propagator(pattern((0, 1), (1, 0)))
    assert View.of(propagator, CSR.from_dense(torch.eye(4))).product is None
    assert View.of(propagator, None).first(TypeEncoder(4, 3, lookup=True)) is None


def test_features_of_any_sign_are_divided_by_their_absolute_sums() -> None:
    """Dense or sparse; a row of 1 and -1 adds up to zero."""
    features = torch.tensor([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 1.0]])
    expected = torch.tensor([[0.5, -0.5, 0.0], [0.0, 0.0, 0.0], [0.75, 0.0, 0.25]])
    assert torch.equal(sum_to_one(features), expected)
    assert torch.equal(sum_to_one(CSR.from_dense(features)).to_dense(), expected)
