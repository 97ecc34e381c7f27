"""Batches of rows in a seeded order, sharded over processes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from hetgraph.errors import ConfigError

__all__ = ["row_batches"]


def row_batches(
    rows: int | Tensor,
    batch_size: int,
    *,
    generator: torch.Generator | None = None,
    shard: tuple[int, int] = (0, 1),
) -> Iterator[Tensor]:
    """Yields this process's slice of every batch, lazily.

    Every process draws the same permutation and takes its slice of the same batches, so that the
    samples of a step do not depend on the number of processes. The last batch is kept. A slice
    can be one row shorter than another's, or empty: each process yields equally often.

    Args:
        rows: Number of rows, or ``[num_rows]`` ids to take them from.
        batch_size: Rows of a batch over all processes.
        generator: Source of the order; ``None`` keeps the given order.
        shard: ``(rank, world)``.

    Yields:
        ``[num_rows of the slice]`` int64 row numbers, or ids.

    Raises:
        ConfigError: At the first batch, if ``batch_size`` is below 1.

    Example:
        >>> [rows.tolist() for rows in row_batches(5, 2)]
        [[0, 1], [2, 3], [4]]
        >>> [rows.tolist() for rows in row_batches(5, 2, shard=(1, 2))]
        [[1], [3], []]
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}, expected 1 or more.")
    count = rows if isinstance(rows, int) else rows.numel()
    if generator is None:
        order = torch.arange(count) if isinstance(rows, int) else rows
    else:
        order = torch.randperm(count, generator=generator)
        if not isinstance(rows, int):
            order = rows[order.to(rows.device)]
    rank, world = shard
    for start in range(0, count, batch_size):
        batch = order[start : start + batch_size]
        yield batch if world == 1 else batch.tensor_split(world)[rank]
