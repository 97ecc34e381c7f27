"""Batches of an epoch: how many there will be, and those of one optimiser step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from hetgraph.tasks.base import Task

__all__ = ["estimated_batches", "grouped"]


def estimated_batches(task: Task, batch_size: int) -> int:
    """Returns how many batches an epoch will have if each training target is taken once."""
    size = task.protocol.get("sizes", {}).get("train")
    if isinstance(size, Mapping):
        size = size.get("links")
    samples = size if isinstance(size, int) and size else task.index("train").shape[-1]
    return max(math.ceil(samples / batch_size), 1)


def grouped(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yields lists of ``size`` consecutive items; the last can be shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group
