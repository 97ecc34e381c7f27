"""Label groups: training labels carried over the target's round trips, own label removed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from hetgraph.data import CSR
from hetgraph.models.rphgnn.config import EchoRemoval
from hetgraph.models.rphgnn.groups import Group, Pair
from hetgraph.models.rphgnn.operators import Operators
from hetgraph.models.rphgnn.products import row_blocks, row_slice
from hetgraph.models.rphgnn.propagate import Sink
from hetgraph.ops.spmm import spmm

__all__ = ["collect_labels", "label_input", "remove_echo", "return_probability"]

NO_NEIGHBOUR = 1e-6
"""A node that returns to itself with probability above 1 - this has no neighbour."""


def label_input(labels: Tensor, train: Tensor, num_classes: int) -> Tensor:
    """Returns ``[num_nodes, num_classes]`` label distributions of the target nodes.

    Training nodes have their class (several classes have equal weights), all others are uniform.

    Args:
        labels: ``[num_nodes]`` classes or ``[num_nodes, num_classes]`` 0/1.
        train: Ids of the training nodes, the only ones whose labels are read.
        num_classes: Number of classes.
    """
    uniform = 1.0 / num_classes
    table = torch.full((labels.shape[0], num_classes), uniform)
    if labels.dim() == 1:
        table[train] = torch.nn.functional.one_hot(labels[train], num_classes).float()
        return table
    given = (labels[train] > 0).float()
    count = given.sum(dim=1, keepdim=True)
    table[train] = torch.where(count > 0, given / count.clamp(min=1), uniform)
    return table


def return_probability(out: CSR, back: CSR) -> Tensor:
    """Returns the diagonal of ``back @ out`` as float64: the chance to return in two steps.

    Args:
        out: ``[num_others, num_nodes]`` row-stochastic operator.
        back: ``[num_nodes, num_others]`` row-stochastic operator.
    """
    # Parallel entries are added first, so that they count as the walk counts them; on copies,
    # because scipy does so in place and shares the index memory.
    there = back.to_scipy(np.float64).copy()
    there.sum_duplicates()
    and_back = out.transpose.to_scipy(np.float64).copy()
    and_back.sum_duplicates()
    return torch.from_numpy(np.asarray(there.multiply(and_back).sum(axis=1)).reshape(-1))


def remove_echo(rows: Tensor, own: Tensor, probability: Tensor) -> Tensor:
    """Takes a node's own label out of the mean it receives.

    Args:
        rows: ``[n, num_classes]`` received distributions; a zero row has no neighbour.
        own: ``[n, num_classes]`` what the nodes sent.
        probability: ``[n]`` fraction of a node's own label in its row.

    Returns:
        ``[n, num_classes]`` non-negative rows of sum one; uniform where nothing else is received.
    """
    rest = (1 - probability).unsqueeze(1)
    value = (rows.double() - probability.unsqueeze(1) * own).clamp_(min=0)
    total = value.sum(dim=1, keepdim=True)
    alone = (rest < NO_NEIGHBOUR) | (total == 0)
    return torch.where(alone, 1.0 / rows.shape[1], value / total.clamp(min=1e-300)).float()


def collect_labels(
    table: Tensor,
    groups: tuple[Group, ...],
    operators: Callable[[Pair], Operators],
    sink: Sink,
    first: int,
    echo: EchoRemoval = "even",
) -> None:
    """Writes one slab for each label group.

    Args:
        table: ``[num_nodes, num_classes]`` label input of the target.
        groups: The label groups.
        operators: Mean operators of a relation pair.
        sink: Receives the rows.
        first: Index of the first label group among all groups.
        echo: In which groups a node's own label is removed.
    """
    for i, group in enumerate(groups):
        steps = operators(group.pair).steps(group)
        corrected = echo == "all" or (echo == "even" and group.hops == 2)
        own_fraction = torch.zeros(table.shape[0], dtype=torch.float64)
        if corrected:
            own_fraction = _own_fraction(steps)
        own_fraction = own_fraction.to(table.device)
        message = table
        for step in steps[:-1]:
            message = spmm(step, message)
        for start, stop in row_blocks(*table.shape):
            rows = spmm(row_slice(steps[-1], start, stop), message)
            rows = remove_echo(rows, table[start:stop], own_fraction[start:stop])
            sink.write(first + i, 0, start, rows)


def _own_fraction(steps: list[CSR]) -> Tensor:
    if len(steps) == 2:
        return return_probability(*steps)
    rows, cols = steps[0].coo()
    loop = rows == cols
    fraction = torch.zeros(steps[0].num_rows, dtype=torch.float64, device=rows.device)
    weight = steps[0].weight
    value = torch.ones_like(rows) if weight is None else weight
    return fraction.index_add_(0, rows[loop], value[loop].double())
