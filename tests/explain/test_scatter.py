from __future__ import annotations

import sys

import pytest
import torch

from hetgraph.explain import style
from hetgraph.explain.scatter import (
    HIDDEN,
    SEVERAL,
    Scatter,
    draw_scatter,
    project,
    scatter_data,
    scatter_figure,
)

# matplotlib only warns where there is no room for a layout.
pytestmark = pytest.mark.filterwarnings("error")


def test_all_nodes_in_the_order_of_the_parts() -> None:
    vectors = {"train": torch.randn(5, 4), "test": torch.randn(3, 4)}
    labels = {"train": torch.tensor([0, 1, 1, 0, 2]), "test": torch.full((3,), -1)}
    data = scatter_data(vectors, labels)
    assert data.classes.tolist() == [0, 1, 1, 0, 2, HIDDEN, HIDDEN, HIDDEN]
    assert data.points.shape == (8, 2)
    assert (data.num_all, data.method) == (8, "PCA")


def test_pca_is_the_projection_on_the_main_axes() -> None:
    vectors = torch.randn(9, 6, dtype=torch.float64) * torch.tensor([9.0, 5, 1, 1, 1, 1])
    points, method = project(vectors)
    assert method == "PCA"
    centred = vectors - vectors.mean(dim=0)
    values, axes = torch.linalg.eigh(centred.T @ centred)
    expected = centred @ axes[:, [-1, -2]]
    torch.testing.assert_close(points.abs(), expected.abs())
    torch.testing.assert_close((points**2).sum(dim=0), values[[-1, -2]])


def test_tsne_keeps_groups_apart_and_repeats() -> None:
    group = torch.arange(60) % 2
    vectors = torch.randn(60, 5) * 0.1 + group[:, None] * 20.0
    points, method = project(vectors)
    assert method == "t-SNE"
    assert torch.equal(points, project(vectors)[0])
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
    assert torch.equal(group[distances.argmin(dim=1)], group), "neighbours are of one group"


def test_without_scikit_learn_it_is_the_pca(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    points, method = project(torch.randn(40, 5))
    assert (method, list(points.shape)) == ("PCA", [40, 2])


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (20, 1), (2, 1)])
def test_few_nodes_and_few_dimensions(shape: tuple[int, int]) -> None:
    points, _ = project(torch.randn(shape))
    assert list(points.shape) == [shape[0], 2]
    assert bool(torch.isfinite(points).all())


def test_nodes_that_are_all_alike() -> None:
    points, method = project(torch.ones(30, 4))
    assert method == "PCA"
    assert float(points.abs().max()) < 1e-5


def test_many_nodes_are_thinned_out_alike_for_the_same_seed() -> None:
    vectors = {"train": torch.randn(8, 3), "test": torch.randn(9, 3)}
    labels = {"train": torch.arange(8), "test": torch.full((9,), -1)}
    first, again = (scatter_data(vectors, labels, limit=9, seed=3) for _ in range(2))
    assert (first.points.shape[0], first.num_all) == (9, 17)
    assert torch.equal(first.classes, again.classes)
    assert torch.equal(first.points, again.points)


def test_several_labels_a_node() -> None:
    labels = torch.tensor([[1.0, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0], [-1, -1, -1]])
    data = scatter_data({"train": torch.randn(5, 3)}, {"train": labels})
    assert data.classes.tolist() == [0, 2, SEVERAL, HIDDEN, HIDDEN]


def _drawn(data: Scatter, names: tuple[str, ...] = ()) -> dict[str, int]:
    ax = draw_scatter(style.new_figure(4, 4).subplots(), data, names)
    return {points.get_label(): len(points.get_offsets()) for points in ax.collections}


def test_every_node_is_drawn_once_under_its_class() -> None:
    classes = torch.tensor([0, 0, 2, HIDDEN, SEVERAL, HIDDEN, 2, 2])
    data = Scatter(torch.randn(8, 2), classes, 8, "PCA")
    assert _drawn(data, ("graphs $", "unused", "theory")) == {
        r"graphs \$ (2)": 2,
        "theory (3)": 3,
        "several classes (1)": 1,
        "test, label hidden (2)": 2,
    }


def test_test_nodes_are_hollow() -> None:
    data = Scatter(torch.randn(2, 2), torch.tensor([0, HIDDEN]), 2, "PCA")
    ax = draw_scatter(style.new_figure(4, 4).subplots(), data)
    known, hidden = ax.collections
    assert len(known.get_facecolors()) == 1
    assert len(hidden.get_facecolors()) == 0


def test_rare_classes_share_a_mark() -> None:
    classes = torch.cat([torch.arange(20), torch.arange(14)])
    drawn = _drawn(Scatter(torch.randn(34, 2), classes, 34, "PCA"))
    assert len(drawn) == 15
    assert drawn["other classes (6)"] == 6


@pytest.mark.parametrize("num_nodes", [0, 3])
def test_the_figure_has_a_legend_if_there_are_nodes(num_nodes: int) -> None:
    data = Scatter(torch.randn(num_nodes, 2), torch.arange(num_nodes), 10, "PCA")
    with style.look():
        figure = scatter_figure(data, "title", ("a",))
        figure.draw_without_rendering()
    assert len(figure.legends) == (num_nodes > 0)
