"""Drawing held-out nodes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, EdgeTarget, Labels, Split, Target, Values
from hetgraph.errors import DataError

__all__ = ["NUM_FOLDS", "draw_split", "fold_split", "given_splits", "hold_out"]

NUM_FOLDS = 5


def given_splits(dataset: Dataset, target: Target) -> Mapping[str, Split]:
    """Returns the splits of a data set that are of a target.

    They are of the first target, and so of another one of the same nodes or edges; for any other
    there are none.
    """
    first = next(iter(dataset.targets.values()))
    if first is target:
        return dataset.splits
    nodes = (Labels, Values)
    if isinstance(first, nodes) and isinstance(target, nodes):
        return dataset.splits if first.node_type == target.node_type else {}
    if isinstance(first, EdgeTarget) and isinstance(target, EdgeTarget):
        same = first.edge_type == target.edge_type and torch.equal(first.edges, target.edges)
        return dataset.splits if same else {}
    return {}


def hold_out(
    ids: Tensor, fraction: float, generator: torch.Generator, strata: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Splits ids into kept and held-out ones.

    Args:
        ids: ``[n]`` node ids.
        fraction: Fraction to hold out; ``round(n * fraction)``, at least one when ``n > 1``.
        generator: Source of chance.
        strata: ``[n]`` classes; their fractions are kept by largest remainders.

    Returns:
        ``(kept, held_out)``, both sorted, so that only membership depends on chance.
    """
    size = ids.numel()
    wanted = min(max(round(size * fraction), 1), size - 1) if size > 1 else 0
    order = torch.randperm(size, generator=generator)
    if strata is None:
        held = order[:wanted]
    else:
        _, group, counts = torch.unique(strata, return_inverse=True, return_counts=True)
        exact = counts * (wanted / max(size, 1))
        quota = exact.floor().long()
        rest = (exact - quota).argsort(descending=True, stable=True)[: wanted - int(quota.sum())]
        quota[rest] += 1
        picked = [order[group[order] == g][: int(quota[g])] for g in range(counts.numel())]
        held = torch.cat(picked)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[held] = True
    return ids[~mask].sort().values, ids[mask].sort().values


def draw_split(
    ids: Tensor, train_fraction: float, valid_fraction: float, generator: torch.Generator
) -> Split:
    """Draws test and validation nodes uniformly; validation is a fraction of what is not tested."""
    rest, test = hold_out(ids, 1 - train_fraction, generator)
    train, valid = hold_out(rest, valid_fraction, generator)
    return Split(train, valid, test)


def fold_split(ids: Tensor, fold: int) -> Split:
    """Returns one of five folds of 70 % training, 10 % validation and 20 % test nodes.

    The nodes are dealt into tenths at random, but the same ones for every caller; fold k tests
    tenths 2k and 2k + 1 and validates on the next one, fold 4 on the first. Every node is tested in
    exactly one fold. With the ids of all labelled nodes in order, fold 0 is the split of RGTN's and
    MetaHGNIE's programs: their permutation of evenly spaced numbers from 0 to 1, cut at tenths.

    Args:
        ids: ``[n]`` node ids, at least ten.
        fold: 0 to 4.

    Raises:
        DataError: If there are fewer nodes.
    """
    size = ids.numel()
    if size < 2 * NUM_FOLDS:
        raise DataError(f"{size} labelled nodes are too few for {NUM_FOLDS} folds of tenths.")
    order = np.random.RandomState(0).permutation(size)
    # A number at a cut belongs to the tenth below it: integers, so that no rounding decides.
    tenth = torch.from_numpy(np.maximum(-(-10 * order // (size - 1)) - 1, 0))
    is_test = tenth // 2 == fold
    is_valid = tenth == (2 * fold + 2) % 10
    return Split(ids[~is_test & ~is_valid], ids[is_valid], ids[is_test])
