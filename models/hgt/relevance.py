"""The table of attention by relation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hetgraph.data import EdgeType, Schema
from hetgraph.methods import RelevanceRow, arriving_label

__all__ = ["relevance_rows"]


def relevance_rows(
    order: int,
    node_type: str,
    fractions: Mapping[EdgeType, Tensor],
    schema: Schema,
    classes: Tensor | None = None,
) -> list[RelevanceRow]:
    """Returns a row for each relation into a type, and one for each of its classes.

    Args:
        order: Number of the layer.
        node_type: Type that attends.
        fractions: ``[num_dst, heads]`` of each relation of the layer, as the layer collects them.
        schema: The schema of the relations.
        classes: ``[num_nodes]`` class of the nodes of the type, -1 for nodes to leave out.
    """
    arriving = {key: heads.mean(dim=1) for key, heads in fractions.items() if key.dst == node_type}
    if not arriving:
        return []
    attends = torch.stack(list(arriving.values())).sum(0) > 0.5  # one, or zero without neighbours
    groups: dict[int | None, Tensor] = {None: attends}
    if classes is not None:
        for label in sorted(set(classes[classes >= 0].tolist())):
            groups[label] = attends & (classes == label)
    return [
        RelevanceRow(
            node_type,
            arriving_label(key, node_type, schema),
            order,
            float(mean[nodes].mean()),
            _std(mean[nodes]),
            label,
        )
        for label, nodes in groups.items()
        if bool(nodes.any())
        for key, mean in arriving.items()
    ]


def _std(values: Tensor) -> float:
    return float(values.std(unbiased=False))
