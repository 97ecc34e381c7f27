"""Paired comparison of two rows of ours: a seed draws the same split for both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from hetgraph.leaderboards.groups import Group

__all__ = ["PairedTest", "paired_test"]


@dataclass(frozen=True)
class PairedTest:
    """Outcome of a paired t-test.

    Args:
        difference: Mean of this row minus the mean of the row it is compared with.
        error: Standard error of the difference.
        p: Two-sided p-value.
        pairs: Number of tasks.
    """

    difference: float
    error: float
    p: float
    pairs: int


def paired_test(
    group: Group, against: Group, split: str, key: str, period: int | None = None
) -> PairedTest | None:
    """Compares two groups over the seeds that both have.

    Args:
        group: Runs of a row.
        against: Runs of the row to compare with.
        split: ``"test"`` or ``"valid"``.
        key: Name of a metric in that split.
        period: Seeds that are equal modulo the period are runs of one task. They are not
            independent, so their mean counts as one pair.

    Returns:
        The test, or ``None`` with fewer than two common tasks.
    """
    ours, theirs = (_by_seed(runs, split, key) for runs in (group, against))
    by_task: dict[int, list[float]] = {}
    for seed in sorted(ours.keys() & theirs.keys()):
        task = seed if period is None else seed % period
        by_task.setdefault(task, []).append(ours[seed] - theirs[seed])
    differences = np.array([np.mean(each) for each in by_task.values()])
    if len(differences) < 2:
        return None
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if error == 0:
        p = 1.0 if mean == 0 else 0.0
    else:
        p = float(2 * stats.t.sf(abs(mean) / error, len(differences) - 1))
    return PairedTest(mean, error, p, len(differences))


def _by_seed(group: Group, split: str, key: str) -> Mapping[int, float]:
    values = ((record.seed, record.metrics.get(split, {}).get(key)) for record in group.records)
    return {seed: value for seed, value in values if value is not None}
