"""Two of our own rows, task by task: a seed draws the same split for both."""

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
        difference: Mean of this row less the one it is compared with.
        error: Standard error of it.
        p: Two-sided probability of such a difference if there were none.
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
        group: The runs of a row.
        against: Those of the row to compare with.
        split: ``"test"`` or ``"valid"``.
        key: Name of a metric there.
        period: Seeds that are equal modulo it are runs of one task: their mean counts once, since
            they are no independent pairs.

    Returns:
        The test, or ``None`` with fewer than two common tasks.
    """
    ours, theirs = (_by_seed(one, split, key) for one in (group, against))
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
    found = ((record.seed, record.metrics.get(split, {}).get(key)) for record in group.records)
    return {seed: value for seed, value in found if value is not None}
