"""Training, validation and test splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.seeds import mixed_bits

__all__ = ["Split", "hashed_order", "random_split"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Split:
    """Ids of the training, validation and test targets.

    Args:
        train: ``[num_train]`` int64 node ids for a node target, or positions in ``edges`` for an
            edge target.
        valid: ``[num_valid]`` int64; ``None``: the task draws the validation split from ``train``.
        test: ``[num_test]`` int64.

    Example:
        >>> split = Split(train=torch.tensor([0, 1, 4]), valid=None, test=torch.tensor([2]))
        >>> split.train.numel()
        3
    """

    train: Tensor
    valid: Tensor | None
    test: Tensor


def random_split(ids: Tensor, what: str, *, seed: int = 0) -> Split:
    """Draws 60 % training, 20 % validation and 20 % test ids at random.

    The ids are ordered by a keyed hash of their value, so the split is the same on every platform
    and with every version of numpy.

    Args:
        ids: ``[n]`` unique int64 ids.
        what: Description of the ids for messages, such as ``"labelled 'paper' nodes"``.
        seed: Key of the hash.

    Raises:
        DataError: If there are fewer than five ids.

    Example:
        >>> split = random_split(torch.arange(10), "nodes")
        >>> split.train.numel(), split.test.numel()
        (6, 2)
    """
    count = ids.numel()
    if count < 5:
        raise DataError(f"{count} {what} are too few to split at random; give more, or a split.")
    numbers = ids.numpy()
    order = hashed_order(numbers, seed)
    train, valid = count * 6 // 10, count * 8 // 10
    positions = (order[:train], order[train:valid], order[valid:])
    return Split(*(torch.from_numpy(np.sort(numbers[chosen])) for chosen in positions))


def hashed_order(ids: Array, seed: int) -> Array:
    """Returns ``[n]`` positions of ids in the order of a keyed hash, alike on every platform.

    Args:
        ids: ``[n]`` int64 ids.
        seed: Key of the hash.
    """
    return np.argsort(_mixed(ids.astype(np.uint64), seed), kind="stable")


def _mixed(values: Array, seed: int) -> Array:
    with np.errstate(over="ignore"):
        return mixed_bits(values + np.uint64(0x9E3779B97F4A7C15) * np.uint64(seed + 1))
