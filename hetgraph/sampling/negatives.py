"""Uniform negative samples: columns without an entry in the row."""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError
from hetgraph.sampling._checks import check_ids

__all__ = ["UnseenSampler"]

_ROUNDS = 100


class UnseenSampler:
    """Draws columns uniformly among those without an entry in the row, by rejection.

    Args:
        seen: ``[num_rows, num_cols]`` pattern of the positive pairs.

    Raises:
        DataError: If a row has an entry in every column.

    Example:
        >>> seen = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 2]), (1, 3))
        >>> generator = torch.Generator().manual_seed(0)
        >>> UnseenSampler(seen).draw(torch.tensor([0, 0]), generator)
        tensor([1, 1])
    """

    def __init__(self, seen: CSR) -> None:
        self.num_rows, self.num_cols = seen.shape
        self._keys = torch.unique(seen.row_ids * seen.num_cols + seen.indices.long())
        full = torch.bincount(self._keys // max(self.num_cols, 1)) >= self.num_cols
        if bool(full.any()):
            raise DataError(
                f"row {int(full.nonzero()[0])} has an entry in every column, so it has no "
                "negatives; leave it out of the training pairs."
            )

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Returns ``[n]`` int64 columns, one per row of ``rows``.

        O(n log nnz) per round. A round rejects the fraction of columns in which rows have entries,
        so a few rounds suffice for sparse rows.

        Args:
            rows: ``[n]`` int64 rows.
            generator: Random generator.

        Raises:
            DataError: If a row is out of range.
        """
        check_ids("rows", rows, self.num_rows)
        drawn = torch.randint(self.num_cols, rows.shape, generator=generator)
        rejected = self._seen(rows, drawn).nonzero().squeeze(1)
        for _ in range(_ROUNDS):
            if not rejected.numel():
                return drawn
            again = torch.randint(self.num_cols, rejected.shape, generator=generator)
            drawn[rejected] = again
            rejected = rejected[self._seen(rows[rejected], again)]
        for at in rejected.tolist():  # rows with an entry in nearly every column
            drawn[at] = self._listed(int(rows[at]), generator)
        return drawn

    def _seen(self, rows: Tensor, cols: Tensor) -> Tensor:
        if not self._keys.numel():
            return torch.zeros(rows.shape, dtype=torch.bool)
        key = rows * self.num_cols + cols
        at = torch.searchsorted(self._keys, key).clamp(max=self._keys.numel() - 1)
        is_seen: Tensor = self._keys[at] == key
        return is_seen

    def _listed(self, row: int, generator: torch.Generator) -> int:
        low = row * self.num_cols
        bounds = torch.searchsorted(self._keys, torch.tensor([low, low + self.num_cols]))
        free = torch.ones(self.num_cols, dtype=torch.bool)
        free[self._keys[bounds[0] : bounds[1]] - low] = False
        unseen = free.nonzero().squeeze(1)
        return int(unseen[torch.randint(unseen.numel(), (1,), generator=generator)])
