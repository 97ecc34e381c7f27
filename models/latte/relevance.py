"""The choice among meta relations as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from hetgraph.methods import SELF, RelevanceRow

__all__ = ["choice_rows"]


def choice_rows(
    node_type: str,
    order: int,
    relations: Sequence[str],
    weights: Tensor,
    classes: Tensor | None = None,
) -> list[RelevanceRow]:
    """Returns mean and standard deviation over the nodes, of each slot.

    Args:
        node_type: The type that chooses.
        order: Order, from 0.
        relations: Name of each slot but the last, which is the node itself.
        weights: ``[num_nodes, num_relations + 1]``.
        classes: ``[num_nodes]`` classes; given, there are rows for each class after those for all.
    """
    rows: list[RelevanceRow] = []
    for label, group in _groups(weights.double().cpu(), classes):
        means, stds = group.mean(0).tolist(), group.std(0, unbiased=False).tolist()
        for name, mean, std in zip((*relations, SELF), means, stds, strict=True):
            rows.append(RelevanceRow(node_type, name, order, mean, std, label))
    return rows


def _groups(weights: Tensor, classes: Tensor | None) -> Iterator[tuple[int | None, Tensor]]:
    if weights.shape[0]:
        yield None, weights
    if classes is not None:
        known = classes.cpu()
        for label in sorted(set(known[known >= 0].tolist())):
            yield int(label), weights[known == label]
