"""Representations of the target nodes in the plane, coloured by the classes the task shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hetgraph.explain import style
from hetgraph.explain.table import class_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "HIDDEN",
    "SEVERAL",
    "Scatter",
    "draw_scatter",
    "project",
    "scatter_data",
    "scatter_figure",
]

MAX_NODES = 2000
MAX_CLASSES = 14
"""Classes with a colour and a mark of their own; the others share one."""

HIDDEN, SEVERAL = -1, -2
"""Classes of nodes whose label is hidden from the model, and of those that have several."""

_MARKS = ("o", "^")


@dataclass(frozen=True, eq=False)
class Scatter:
    """The numbers behind the picture.

    Args:
        points: ``[num_nodes, 2]``.
        classes: ``[num_nodes]`` int64 classes, :data:`HIDDEN` or :data:`SEVERAL`.
        num_all: Number of nodes that they were drawn from.
        method: How the plane was found.
    """

    points: Tensor
    classes: Tensor
    num_all: int
    method: str


def scatter_data(
    embeddings: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    *,
    limit: int = MAX_NODES,
    seed: int = 0,
) -> Scatter:
    """Draws nodes and brings them into the plane.

    Args:
        embeddings: ``[num_nodes, dim]`` by part.
        labels: ``[num_nodes]`` classes or ``[num_nodes, num_classes]`` 0/1 by part; -1 is hidden.
        limit: Most nodes; more are thinned out at random, the same way for the same seed.
        seed: Of the choice and of t-SNE.
    """
    vectors = torch.cat([embeddings[part].detach().cpu().float() for part in embeddings])
    classes = torch.cat([_single(labels[part].cpu()) for part in embeddings])
    num_all = vectors.shape[0]
    if num_all > limit:
        generator = torch.Generator().manual_seed(seed)
        kept = torch.randperm(num_all, generator=generator)[:limit].sort().values
        vectors, classes = vectors[kept], classes[kept]
    points, method = project(vectors, seed=seed)
    return Scatter(points, classes, num_all, method)


def project(vectors: Tensor, *, seed: int = 0) -> tuple[Tensor, str]:
    """Brings vectors into the plane: by t-SNE if scikit-learn is there, else by PCA.

    Args:
        vectors: ``[num_nodes, dim]``.
        seed: Of t-SNE; its start is the PCA.

    Returns:
        ``[num_nodes, 2]`` points and the name of the method.
    """
    reduced = _principal(vectors, 50)
    plane = torch.nn.functional.pad(reduced[:, :2], (0, max(2 - reduced.shape[1], 0)))
    # Fewer nodes than neighbours, or nodes that are all alike, leave t-SNE nothing to do.
    if vectors.shape[0] < 10 or float(plane.std()) < 1e-12:
        return plane, "PCA"
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError:
        return plane, "PCA"
    perplexity = min(30.0, (vectors.shape[0] - 1) / 3)
    start = plane / plane[:, 0].std() * 1e-4
    # From a PCA, half of the usual iterations look the same.
    tsne = TSNE(perplexity=perplexity, init=start.numpy(), max_iter=500, random_state=seed)
    # Sums in one thread: the picture is then the same on every machine.
    with threadpool_limits(1):
        found = tsne.fit_transform(reduced.numpy())
    return torch.from_numpy(found), "t-SNE"


def draw_scatter(ax: Axes, data: Scatter, names: Sequence[str] = ()) -> Axes:
    """Draws the nodes, those without a visible class as hollow grey rings beneath the others."""
    x, y = data.points.unbind(dim=1)
    size = 26.0 if data.points.shape[0] <= 500 else 11.0

    def put(chosen: Tensor, name: str, **marks: Any) -> None:
        if count := int(chosen.sum()):
            legend = f"{style.label(name, 28)} ({count:,})"
            ax.scatter(x[chosen].numpy(), y[chosen].numpy(), s=size, label=legend, **marks)

    shown = _frequent(data.classes)
    edge = {"edgecolors": style.INK, "linewidths": 0.25}  # Yellow is hard to see without.
    for at, one in enumerate(shown):
        mark, colour = divmod(at, len(style.PALETTE))
        marks = {"facecolors": style.PALETTE[colour], "marker": _MARKS[mark], "zorder": 3}
        put(data.classes == one, class_name(names, one), **marks, **edge)
    rest = (data.classes >= 0) & ~torch.isin(data.classes, torch.tensor(shown, dtype=torch.long))
    put(rest, "other classes", color=style.INK, marker=".", linewidths=0, zorder=2)
    put(data.classes == SEVERAL, "several classes", color=style.INK, marker="x", linewidths=0.8)
    rings = {"facecolors": "none", "edgecolors": "#B5B5B5", "linewidths": 0.6, "zorder": 1}
    put(data.classes == HIDDEN, "test, label hidden", **rings)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(f"{data.method} 1")
    ax.set_ylabel(f"{data.method} 2")
    return ax


def scatter_figure(data: Scatter, title: str, names: Sequence[str] = ()) -> Figure:
    """Draws the picture with its legend beside it."""
    figure = style.new_figure(7.6, 5.6, title)
    draw_scatter(figure.subplots(), data, names)
    if data.points.shape[0]:
        figure.legend(loc="outside right upper", markerscale=1.6, handletextpad=0.3)
    count = data.points.shape[0]
    drawn = f"{count:,} nodes" if count == data.num_all else f"{count:,} of {data.num_all:,} nodes"
    style.caption(
        figure,
        f"{drawn}, {data.method} of the representations; axes have no unit. Coloured: training and "
        "validation nodes.",
    )
    return figure


def _principal(vectors: Tensor, dim: int) -> Tensor:
    """Returns ``[num_nodes, min(dim, rank)]`` coordinates along the main axes, signs fixed."""
    centred = vectors - vectors.mean(dim=0, keepdim=True) if vectors.shape[0] else vectors
    U, S, Vh = torch.linalg.svd(centred, full_matrices=False)
    signs = torch.sign(torch.gather(Vh, 1, Vh.abs().argmax(dim=1, keepdim=True))).squeeze(1)
    coordinates: Tensor = U * S * signs
    return coordinates[:, :dim]


def _single(labels: Tensor) -> Tensor:
    """Returns one class a node, from classes or from 0/1 rows."""
    if labels.dim() == 1:
        return labels.long()
    count = (labels > 0).sum(dim=1)
    classes = torch.where(count == 1, (labels > 0).int().argmax(dim=1), SEVERAL)
    return torch.where(count == 0, HIDDEN, classes)


def _frequent(classes: Tensor) -> list[int]:
    """Returns the classes that get a mark of their own, in ascending order."""
    found, counts = torch.unique(classes[classes >= 0], return_counts=True)
    kept = found[counts.argsort(descending=True, stable=True)[:MAX_CLASSES]]
    return sorted(int(one) for one in kept)
