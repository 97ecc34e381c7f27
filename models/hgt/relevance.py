"""The table of attention by relation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hetgraph.data import EdgeType
from hetgraph.methods import RelevanceRow

__all__ = ["relevance_rows"]


def relevance_rows(
    order: int, node_type: str, shares: Mapping[EdgeType, Tensor], classes: Tensor | None = None
) -> list[RelevanceRow]:
    """Returns a row for each relation into a type, and one for each of its classes.

    Args:
        order: Number of the layer.
        node_type: Type that attends.
        shares: ``[num_dst, heads]`` of each relation of the layer, as the layer collects them.
        classes: ``[num_nodes]`` class of the nodes of the type, -1 for nodes to leave out.
    """
    arriving = {one: part.mean(dim=1) for one, part in shares.items() if one.dst == node_type}
    if not arriving:
        return []
    attends = torch.stack(list(arriving.values())).sum(0) > 0.5  # one, or zero without neighbours
    groups: dict[int | None, Tensor] = {None: attends}
    if classes is not None:
        for label in sorted(set(classes[classes >= 0].tolist())):
            groups[label] = attends & (classes == label)
    return [
        RelevanceRow(
            node_type, str(one), order, float(part[nodes].mean()), _std(part[nodes]), label
        )
        for label, nodes in groups.items()
        if bool(nodes.any())
        for one, part in arriving.items()
    ]


def _std(values: Tensor) -> float:
    return float(values.std(unbiased=False))
