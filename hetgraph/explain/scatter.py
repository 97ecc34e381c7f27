"""Representations of the target nodes in two dimensions, coloured by visible classes."""

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
"""Maximum number of classes with a separate colour and marker; the others share one."""

HIDDEN, SEVERAL = -1, -2
"""Pseudo-classes of nodes whose label is hidden from the model, and of nodes with several."""

_MARKS = ("o", "^")


@dataclass(frozen=True, eq=False)
class Scatter:
    """The data of the figure.

    Args:
        points: ``[num_nodes, 2]`` float32 coordinates.
        classes: ``[num_nodes]`` int64 classes, :data:`HIDDEN` or :data:`SEVERAL`.
        num_all: Number of nodes from which these were sampled.
        method: Name of the projection.
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
    """Samples nodes and projects their vectors to two dimensions.

    Args:
        embeddings: ``[num_nodes, dim]`` vectors by split.
        labels: ``[num_nodes]`` classes or ``[num_nodes, num_classes]`` 0/1 by split; -1 is hidden.
        limit: Maximum number of nodes; if there are more, a random sample is drawn.
        seed: Seed of the sample and of t-SNE.

    Example:
        >>> embeddings = {"train": torch.eye(3), "test": torch.ones(2, 3)}
        >>> labels = {"train": torch.tensor([0, 1, 0]), "test": torch.tensor([-1, -1])}
        >>> data = scatter_data(embeddings, labels)
        >>> data.points.shape, data.classes.tolist(), data.method
        (torch.Size([5, 2]), [0, 1, 0, -1, -1], 'PCA')
    """
    vectors = torch.cat([embeddings[split].detach().cpu().float() for split in embeddings])
    classes = torch.cat([_single(labels[split].cpu()) for split in embeddings])
    num_all = vectors.shape[0]
    if num_all > limit:
        generator = torch.Generator().manual_seed(seed)
        kept = torch.randperm(num_all, generator=generator)[:limit].sort().values
        vectors, classes = vectors[kept], classes[kept]
    points, method = project(vectors, seed=seed)
    return Scatter(points, classes, num_all, method)


def project(vectors: Tensor, *, seed: int = 0) -> tuple[Tensor, str]:
    """Projects vectors to two dimensions: by t-SNE if scikit-learn is installed, else by PCA.

    Args:
        vectors: ``[num_nodes, dim]``.
        seed: Seed of t-SNE, which starts from the PCA.

    Returns:
        ``[num_nodes, 2]`` points and the name of the method.

    Example:
        >>> points, method = project(torch.tensor([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]]))
        >>> method, round(float(points[:, 0].abs().sum()), 3)
        ('PCA', 5.0)
    """
    reduced = _principal(vectors.detach(), 50)
    plane = torch.nn.functional.pad(reduced[:, :2], (0, max(2 - reduced.shape[1], 0)))
    # t-SNE needs more nodes than neighbours, and nodes that differ.
    if vectors.shape[0] < 10 or float(plane.std()) < 1e-12:
        return plane, "PCA"
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError:
        return plane, "PCA"
    perplexity = min(30.0, (vectors.shape[0] - 1) / 3)
    start = plane / plane[:, 0].std() * 1e-4
    # Starting from a PCA, half of the usual iterations give the same figure.
    tsne = TSNE(perplexity=perplexity, init=start.numpy(), max_iter=500, random_state=seed)
    # One thread fixes the order of the sums: the figure is then the same on every machine.
    with threadpool_limits(1):
        points = tsne.fit_transform(reduced.numpy())
    return torch.from_numpy(points), "t-SNE"


def draw_scatter(ax: Axes, data: Scatter, names: Sequence[str] = ()) -> Axes:
    """Draws the nodes; those without a visible class are hollow grey rings below the others.

    Args:
        ax: The axes to draw on.
        data: Points and classes.
        names: Names of the classes.

    Example:
        >>> from matplotlib.figure import Figure
        >>> data = Scatter(torch.zeros(2, 2), torch.tensor([0, HIDDEN]), 2, "PCA")
        >>> ax = draw_scatter(Figure().subplots(), data)
    """
    x, y = data.points.unbind(dim=1)
    size = 26.0 if data.points.shape[0] <= 500 else 11.0

    def put(chosen: Tensor, name: str, **marks: Any) -> None:
        if count := int(chosen.sum()):
            legend = f"{style.label(name, 28)} ({count:,})"
            ax.scatter(x[chosen].numpy(), y[chosen].numpy(), s=size, label=legend, **marks)

    shown = _frequent(data.classes)
    edge = {"edgecolors": style.INK, "linewidths": 0.25}  # Yellow is hard to see without an edge.
    for position, label in enumerate(shown):
        mark, colour = divmod(position, len(style.PALETTE))
        marks = {"facecolors": style.PALETTE[colour], "marker": _MARKS[mark], "zorder": 3}
        put(data.classes == label, class_name(names, label), **marks, **edge)
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
    """Draws the figure with its legend beside it.

    Args:
        data: Points and classes.
        title: Title of the figure.
        names: Names of the classes.

    Example:
        >>> data = Scatter(torch.zeros(2, 2), torch.tensor([0, 1]), num_all=2, method="PCA")
        >>> figure = scatter_figure(data, "Representations", names=("databases", "vision"))
    """
    figure = style.new_figure(7.6, 5.6, title)
    draw_scatter(figure.subplots(), data, names)
    if data.points.shape[0]:
        figure.legend(loc="outside right upper", markerscale=1.6, handletextpad=0.3)
    count = data.points.shape[0]
    drawn = f"{count:,} nodes" if count == data.num_all else f"{count:,} of {data.num_all:,} nodes"
    style.caption(
        figure,
        f"{drawn}, {data.method} of the representations; the axes have no unit. Coloured: training "
        "and validation nodes.",
    )
    return figure


def _principal(vectors: Tensor, dim: int) -> Tensor:
    """Returns ``[num_nodes, min(dim, rank)]`` principal coordinates with fixed signs."""
    centred = vectors - vectors.mean(dim=0, keepdim=True) if vectors.shape[0] else vectors
    U, S, Vh = torch.linalg.svd(centred, full_matrices=False)
    signs = torch.sign(torch.gather(Vh, 1, Vh.abs().argmax(dim=1, keepdim=True))).squeeze(1)
    coordinates: Tensor = U * S * signs
    return coordinates[:, :dim]


def _single(labels: Tensor) -> Tensor:
    """Returns one class per node, from classes or from 0/1 rows."""
    if labels.dim() == 1:
        return labels.long()
    count = (labels > 0).sum(dim=1)
    classes = torch.where(count == 1, (labels > 0).int().argmax(dim=1), SEVERAL)
    return torch.where(count == 0, HIDDEN, classes)


def _frequent(classes: Tensor) -> list[int]:
    """Returns the classes that get a separate marker, in ascending order."""
    labels, counts = torch.unique(classes[classes >= 0], return_counts=True)
    kept = labels[counts.argsort(descending=True, stable=True)[:MAX_CLASSES]]
    return sorted(int(label) for label in kept)
