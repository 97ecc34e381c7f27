"""Negatives: columns that a row has no entry for."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError

__all__ = ["UnseenSampler"]

_ROUNDS = 100


class UnseenSampler:
    """Draws columns uniformly among those a row has no entry for, by rejection.

    Args:
        seen: ``[num_rows, num_cols]`` pattern.

    Raises:
        DataError: If a row has an entry for every column.
    """

    def __init__(self, seen: CSR) -> None:
        self.num_cols = seen.num_cols
        self._keys = torch.unique(seen.row_ids * seen.num_cols + seen.indices.long())
        full = torch.bincount(self._keys // max(self.num_cols, 1)) >= self.num_cols
        if bool(full.any()):
            raise DataError(
                f"row {int(full.nonzero()[0])} has an entry for every column, so there is no "
                "negative for it; leave it out of the training pairs."
            )

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Returns ``[n]`` int64 columns, one for each of ``[n]`` rows.

        O(n log nnz) for each round; a round leaves the share of columns that rows have entries
        for, so a few suffice where rows are sparse.

        Args:
            rows: ``[n]`` int64 rows.
            generator: Source of chance.
        """
        drawn = torch.randint(self.num_cols, rows.shape, generator=generator)
        open_ = self._seen(rows, drawn).nonzero().squeeze(1)
        for _ in range(_ROUNDS):
            if not open_.numel():
                return drawn
            again = torch.randint(self.num_cols, open_.shape, generator=generator)
            drawn[open_] = again
            open_ = open_[self._seen(rows[open_], again)]
        for at in open_.tolist():  # rows that have nearly every column
            drawn[at] = self._listed(int(rows[at]), generator)
        return drawn

    def _seen(self, rows: Tensor, cols: Tensor) -> Tensor:
        if not self._keys.numel():
            return torch.zeros(rows.shape, dtype=torch.bool)
        key = rows * self.num_cols + cols
        at = torch.searchsorted(self._keys, key).clamp(max=self._keys.numel() - 1)
        found: Tensor = self._keys[at] == key
        return found

    def _listed(self, row: int, generator: torch.Generator) -> int:
        low = row * self.num_cols
        bounds = torch.searchsorted(self._keys, torch.tensor([low, low + self.num_cols]))
        free = torch.ones(self.num_cols, dtype=torch.bool)
        free[self._keys[bounds[0] : bounds[1]] - low] = False
        found = free.nonzero().squeeze(1)
        return int(found[torch.randint(found.numel(), (1,), generator=generator)])
