"""Splits that are drawn from the rows of a table: at random, by class, or by time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hetgraph.catalog.split import Split, hashed_order
from hetgraph.errors import ConfigError, DataError

__all__ = ["SPLIT_KEYS", "DrawnSplit", "as_drawn"]

Array = np.ndarray[Any, Any]
Ways = Literal["random", "stratified", "time"]

SPLIT_KEYS = ("split", "valid", "test", "seed")
"""Keys of a target's declaration that tell its split."""

_WAYS = ("random", "stratified", "time")


@dataclass(frozen=True)
class DrawnSplit:
    """How a split is drawn.

    Args:
        how: ``"random"``; ``"stratified"``, with the same fractions of every class; or ``"time"``:
            the latest targets are tested, those before them validate, and no target of training is
            later than one of these.
        valid: Fraction for validation.
        test: Fraction for the test.
        seed: Seed of the drawing; it is the same on every platform.
        where: Name of the declaration in messages.

    Raises:
        ConfigError: If a value is out of its range.

    Example:
        >>> drawn = DrawnSplit("time", valid=0.2, test=0.2)
        >>> split = drawn.of(torch.arange(5), time=torch.tensor([50, 10, 20, 30, 40]))
        >>> split.train.tolist(), split.valid.tolist(), split.test.tolist()
        ([1, 2, 3], [4], [0])
    """

    how: Ways = "random"
    valid: float = 0.2
    test: float = 0.2
    seed: int = 0
    where: str = "split"

    def __post_init__(self) -> None:
        wrong = []
        if self.how not in _WAYS:
            wrong.append(f"split is {self.how!r}, expected one of {', '.join(_WAYS)}")
        for name in ("valid", "test"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
                wrong.append(f"{name} is {value!r}, expected a fraction between 0 and 1")
        if not wrong and self.valid + self.test >= 1:
            wrong.append(f"valid {self.valid:g} and test {self.test:g} leave nothing for training")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            wrong.append(f"seed is {self.seed!r}, expected 0 or more")
        if wrong:
            raise ConfigError(f"{self.where}: {'; '.join(wrong)}.")

    @property
    def name(self) -> str:
        """Name of the split, such as ``"time-80-10-10"``."""
        parts = (1 - self.valid - self.test, self.valid, self.test)
        seed = f"-seed{self.seed}" if self.seed else ""
        return "-".join([self.how, *(f"{100 * part:g}" for part in np.round(parts, 6))]) + seed

    def of(
        self, ids: Tensor, *, time: Tensor | None = None, classes: Tensor | None = None
    ) -> Split:
        """Draws the split.

        Args:
            ids: ``[n]`` int64 ids.
            time: ``[n]`` times; needed to split by time.
            classes: ``[n]`` int64 classes; needed to split by class.

        Raises:
            ConfigError: If times or classes are needed and not given.
            DataError: If a split would be empty.
        """
        if self.how == "time":
            parts = self._by_time(time)
        elif self.how == "stratified":
            if classes is None:
                raise ConfigError(
                    f"{self.where}: split is 'stratified', but the target has no single class per "
                    "row; give split: random."
                )
            codes = classes.numpy()
            groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]
            cut = [self._cut(rows[self._order(ids[rows])]) for rows in groups]
            train, valid, test = (np.concatenate(part) for part in zip(*cut, strict=True))
            parts = (train, valid, test)
        else:
            parts = self._cut(self._order(ids))
        chosen = [ids[torch.from_numpy(np.sort(part))] for part in parts]
        for word, part in zip(("training", "validation", "test"), chosen, strict=True):
            if not part.numel():
                apart = ""
                if self.how == "time" and time is not None:
                    apart = f" of {np.unique(time.numpy()).size} different times"
                raise DataError(
                    f"{self.where}: the {word} split of {ids.numel()} targets{apart} is empty; "
                    "give more targets or other fractions."
                )
        return Split(*chosen)

    def _order(self, ids: Tensor) -> Array:
        return hashed_order(ids.numpy(), self.seed)

    def _cut(self, order: Array) -> tuple[Array, Array, Array]:
        size = len(order)
        test = round(size * self.test)
        valid = round(size * self.valid)
        train = size - valid - test
        return order[:train], order[train : train + valid], order[train + valid :]

    def _by_time(self, time: Tensor | None) -> tuple[Array, Array, Array]:
        if time is None:
            raise ConfigError(
                f"{self.where}: split is 'time', but the targets have no times; add time: <column>."
            )
        moments = time.numpy()
        train, valid, _ = self._cut(np.argsort(moments, kind="stable"))
        ordered = np.sort(moments)
        # Targets of the same moment stay together, in the later split.
        first_valid = ordered[min(len(train), len(ordered) - 1)]
        first_test = ordered[min(len(train) + len(valid), len(ordered) - 1)]
        is_test, is_train = moments >= first_test, moments < first_valid
        parts = (is_train, ~is_train & ~is_test, is_test)
        return tuple(np.flatnonzero(part) for part in parts)  # type: ignore[return-value]


def as_drawn(options: Mapping[str, Any], where: str, **defaults: float) -> DrawnSplit | None:
    """Returns how the split of a declared target is drawn; ``None`` if it is not.

    Args:
        options: The declaration of the target.
        where: Its name in messages.
        defaults: Default fractions.

    Raises:
        ConfigError: If a value is out of its range, or there are fractions of no split.
    """
    given = {key: options[key] for key in SPLIT_KEYS if key in options}
    how = given.pop("split", None)
    if how is None or how not in _WAYS:
        if given:
            raise ConfigError(
                f"{where}: {', '.join(given)} without split: {', '.join(_WAYS[:-1])} or "
                f"{_WAYS[-1]}; add one of them."
            )
        return None
    return DrawnSplit(how, where=where, **{**defaults, **given})
