"""Exact numbers of distinct random edges, without a Python loop over edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hetgraph.errors import ConfigError

__all__ = ["Groups", "Ints", "distinct_pairs", "skewed"]

Ints = npt.NDArray[np.int64]

_ROUNDS = 60


def skewed(rng: np.random.Generator, size: int, count: int, power: float = 2.0) -> Ints:
    """Draws ``count`` numbers below ``size`` with density ~ x^(1/power - 1), mostly low ones."""
    return np.minimum((rng.random(count) ** power * size).astype(np.int64), size - 1)


@dataclass(frozen=True)
class Groups:
    """Nodes sorted by group, to draw each member of a given group in O(1).

    Args:
        order: ``[num_nodes]`` ids, sorted by group.
        start: ``[num_groups]`` position of the first member of each group in ``order``.
        size: ``[num_groups]`` number of members of each group.
    """

    order: Ints
    start: Ints
    size: Ints

    @classmethod
    def of(cls, group: Ints, num_groups: int) -> Groups:
        """Sorts nodes by ``group`` (``[num_nodes]``)."""
        size = np.bincount(group, minlength=num_groups)
        order = np.argsort(group, kind="stable")
        return cls(order, np.cumsum(size) - size, size)

    def member(self, rng: np.random.Generator, group: Ints, power: float = 1.0) -> Ints:
        """Draws one member of each given group; -1 if the group is empty."""
        size = self.size[group]
        place = np.minimum((rng.random(group.size) ** power * size).astype(np.int64), size - 1)
        place = np.where(size > 0, self.start[group] + place, 0)
        return np.where(size > 0, self.order[place], -1)


def distinct_pairs(
    rng: np.random.Generator,
    draw: Callable[[int], tuple[Ints, Ints]],
    count: int,
    num_cols: int,
    *,
    keep: tuple[Ints, Ints] | None = None,
) -> tuple[Ints, Ints]:
    """Returns exactly ``count`` distinct pairs.

    Args:
        rng: Chooses the surplus pairs to drop.
        draw: Function of a count that returns as many random ``(rows, cols)``, possibly repeated;
            -1 means no pair.
        count: Number of pairs.
        num_cols: Number of columns.
        keep: Distinct pairs that the result must contain.

    Raises:
        ConfigError: If there are not enough distinct pairs.
    """
    kept = np.zeros(0, np.int64) if keep is None else _unique(keep[0] * num_cols + keep[1])
    extra = np.zeros(0, np.int64)
    for _ in range(_ROUNDS):
        missing = count - kept.size - extra.size
        if missing <= 0:
            break
        rows, cols = draw(missing + missing // 8 + 16)
        real = (rows >= 0) & (cols >= 0)
        extra = _unique(np.concatenate([extra, (rows * num_cols + cols)[real]]))
        if kept.size:
            extra = extra[~np.isin(extra, kept)]
    else:
        raise ConfigError(
            f"{count:,} distinct edges do not fit; give fewer num_edges or more num_nodes."
        )
    surplus = kept.size + extra.size - count
    if surplus > 0:
        extra = np.delete(extra, rng.choice(extra.size, surplus, replace=False))
    keys = np.concatenate([kept, extra])
    return keys // num_cols, keys % num_cols


def _unique(keys: Ints) -> Ints:
    """Sorts and drops repeats; np.unique hashes since numpy 2.3: 100 times slower at 7 M keys."""
    keys = np.sort(keys)
    fresh = np.ones(keys.size, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
    return keys[fresh]
