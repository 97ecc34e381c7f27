"""How much every slot of the prepared tensors changes what is said of a node."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hetgraph.methods import RelevanceRow
from hetgraph.sampling import row_batches

__all__ = ["effect_rows", "slot_effects"]

Outputs = Callable[[Sequence[Tensor]], Tensor]
"""From ``[batch, slots, dim]`` of each group to ``[batch, num_outputs]``."""

BLOCK_ROWS = 2048
MAX_ROWS = 16_384
"""Most nodes that are asked, evenly spaced among all: a mean needs no more."""


def slot_effects(outputs: Outputs, slabs: Sequence[Tensor], device: torch.device) -> Tensor:
    """Returns the fraction of each slot in the distance of a node's output from the mean output.

    The effect of a slot is the absolute value of its deviation from the mean slot, times the
    gradient of that distance: how far the output would come back if the slot were the mean one, to
    first order. Filters alone do not tell this, because the layers behind them undo any scale.

    Args:
        outputs: The trained network, without dropout.
        slabs: ``[num_rows, slots, dim]`` of each group.
        device: Device of the network.

    Returns:
        ``[num_rows, num_slots]`` in the order of groups and slots; a row adds up to 1, or to 0 if
        nothing has an effect.
    """
    num_rows = slabs[0].shape[0]
    blocks = list(row_batches(num_rows, BLOCK_ROWS))

    def block(rows: Tensor | None) -> list[Tensor]:
        taken = slabs if rows is None else [slab[rows.cpu()] for slab in slabs]
        return [slab.to(device, torch.float32) for slab in taken]

    means = [torch.zeros(slab.shape[1:], device=device) for slab in slabs]
    center: Tensor | float = 0.0
    with torch.no_grad():
        for rows in blocks:
            given = block(rows)
            center = center + outputs(given).sum(0) / num_rows
            for mean, slab in zip(means, given, strict=True):
                mean += slab.sum(0) / num_rows
    effects = []
    for rows in blocks:
        given = [slab.clone().requires_grad_() for slab in block(rows)]
        with torch.enable_grad():
            distance = torch.linalg.vector_norm(outputs(given) - center, dim=1).sum()
            gradients = torch.autograd.grad(distance, given)
        deviations = [slab.detach() - mean for slab, mean in zip(given, means, strict=True)]
        products = zip(deviations, gradients, strict=True)
        effects.append(torch.cat([(a * b).sum(2).abs() for a, b in products], dim=1).cpu())
    made = torch.cat(effects)
    return made / made.sum(1, keepdim=True).clamp(min=1e-12)


def effect_rows(
    node_type: str,
    names: Sequence[tuple[str, int]],
    effects: Tensor,
    classes: Tensor | None = None,
) -> list[RelevanceRow]:
    """Returns mean and std over nodes of the effect of each slot, then those of each class.

    Args:
        node_type: Type of the nodes.
        names: Label and order of each slot.
        effects: ``[num_rows, num_slots]``, see :func:`slot_effects`.
        classes: ``[num_rows]`` classes, -1 for nodes to leave out.
    """
    groups: list[tuple[int | None, Tensor]] = [(None, effects)]
    if classes is not None:
        known = torch.unique(classes[classes >= 0]).tolist()
        groups += [(int(label), effects[classes == label]) for label in known]
    rows = []
    for label, own in groups:
        means, stds = own.mean(0).tolist(), own.std(0, correction=0).tolist()
        for (name, order), mean, std in zip(names, means, stds, strict=True):
            rows.append(RelevanceRow(node_type, name, order, mean, std, label))
    return rows
