"""Views of any graph: what they hold, and the matrix they are multiplied as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.catalog.loading import load_dataset
from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.nn.graph_views import closed_pattern, drop_edges, graph_views, view_names
from hetgraph.nn.propagator import make_propagator
from hetgraph.tasks import Task, make_task


def pattern(*pairs: tuple[int, int], size: int = 5) -> CSR:
    rows, cols = torch.tensor(pairs).T
    return CSR.from_coo(rows, cols, (size, size))


def reference(one: CSR) -> torch.Tensor:
    """``D^-1/2 (A + I) D^-1/2`` of a dense matrix, in float64."""
    dense = one.to_dense(torch.float64)
    closed = ((dense + dense.T + torch.eye(len(dense))) > 0).double()
    scale = closed.sum(1).rsqrt()
    return scale[:, None] * closed * scale


def wrap(graph: HeteroGraph, target: str) -> Task:
    ids = torch.arange(6)
    labels = Labels(target, 2, ids, ids % 2)
    split = Split(ids[:2], ids[2:4], ids[4:])
    return make_task(Dataset("toy/views", graph, labels, {"default": split}))


def views(task: Task, requests: tuple[str, ...] = ()) -> dict[str, CSR]:
    return graph_views(task.graph, task.dataset_name, task.spec.target, requests)


def test_the_matrix_is_that_of_the_closed_graph() -> None:
    one = pattern((0, 1), (1, 2), (2, 1), (3, 3))
    again = pattern((0, 1), (0, 1), (1, 0), (1, 2), (0, 0), (3, 3), (3, 3))
    x = torch.randn(5, 3)
    propagate = make_propagator(closed_pattern(one))
    expected = reference(one).float()
    torch.testing.assert_close(propagate(torch.eye(5)), expected)
    torch.testing.assert_close(make_propagator(closed_pattern(again))(torch.eye(5)), expected)
    torch.testing.assert_close(propagate(propagate(x))[4], x[4])  # no edge: its own features
    torch.testing.assert_close(propagate.power(2)(x), expected @ (expected @ x))


@pytest.mark.parametrize("share", [0.03, 0.6])
@pytest.mark.parametrize("hops", [0, 1, 3])
def test_powers_are_repeated_products(share: float, hops: int) -> None:
    one = closed_pattern(CSR.from_dense((torch.rand(40, 40) < share).float()))
    propagate, x = make_propagator(one), torch.randn(40, 2)
    expected = x
    for _ in range(hops):
        expected = propagate(expected)
    torch.testing.assert_close(propagate.power(hops)(x), expected)


def test_dropped_edges_go_both_ways() -> None:
    whole = closed_pattern(CSR.from_dense((torch.rand(80, 80) < 0.2).float()))
    part = drop_edges(whole, 0.3, torch.Generator().manual_seed(0))
    dense, full = part.to_dense(), whole.to_dense()
    assert torch.equal(dense, dense.T)
    assert bool((dense <= full).all())
    assert bool((dense.diagonal() == 1).all())
    assert 0.66 < (part.nnz - 80) / (whole.nnz - 80) < 0.74


def test_one_node_type_is_its_own_view() -> None:
    near, far = EdgeType("node", "near", "node"), EdgeType("node", "far", "node")
    one = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), 6, 6)
    other = Relation.from_edges(torch.tensor([3]), torch.tensor([4]), 6, 6)
    task = wrap(HeteroGraph(num_nodes={"node": 6}, relations={near: one, far: other}), "node")
    (name,) = view_names(task.graph.schema, "node", ())
    (found,) = views(task).values()
    assert name == "(graph)"
    assert found.nnz == 6 + 2 * 3


def test_meta_paths_of_the_user_are_the_views(random_graph: Callable[..., HeteroGraph]) -> None:
    task = wrap(random_graph(), "paper")
    asked = ("mine=paper-author-paper", "paper-term-paper")
    found = views(task, asked)
    assert tuple(found) == view_names(task.graph.schema, "paper", asked)
    for one in found.values():
        assert torch.equal(one.to_dense(), one.to_dense().T)
    assert set(views(task)) == set(view_names(task.graph.schema, "paper", ()))


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("heco/acm", [57_853, 4_338_213]),
        ("heco/aminer", [21_976, 129_824]),
        pytest.param("heco/dblp", [11_113, 5_000_495, 7_043_571], marks=pytest.mark.slow),
        ("planetoid/Cora", [13_264]),
        ("planetoid/Citeseer", [12_431]),
        ("amazon/Photo", [245_812]),
    ],
)
def test_entries_are_those_of_the_public_graphs(
    name: str, entries: list[int], data_root: Path
) -> None:
    dataset = load_dataset(name, data_root)
    found = views(make_task(dataset), tuple(dataset.metapaths.values()))
    assert [view.nnz for view in found.values()] == entries
