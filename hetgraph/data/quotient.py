"""Equal rows of a sparse pattern, and the exact factorisation that stores each of them once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from hetgraph.data.csr import CSR

__all__ = ["Quotient", "equal_rows"]


def equal_rows(matrix: CSR) -> Tensor:
    """Numbers the distinct rows of a pattern by first occurrence.

    Rows are compared as sets, so entries must be sorted and without duplicates. O(nnz + num_rows)
    expected time.

    Returns:
        ``[num_rows]`` int64 class of each row; two rows are equal if and only if their classes are.
    """
    indices = matrix.indices.cpu().numpy()
    bounds = matrix.indptr.tolist()
    known: dict[bytes, int] = {}
    number = [
        known.setdefault(indices[start:stop].tobytes(), len(known))
        for start, stop in pairwise(bounds)
    ]
    return torch.tensor(number, dtype=torch.int64)


@dataclass(frozen=True, eq=False)
class Quotient:
    """A pattern factorised as ``expand @ core @ collect``, each distinct row and column once.

    Nodes with the same neighbours along a meta-path (papers on one subject, authors at the same
    conferences) have equal rows. A product then costs ``cost`` multiply-adds per column instead of
    the number of entries: the 4,057 authors of DBLP by shared conferences, 5.0 M entries, have 776
    distinct rows.

    Args:
        expand: ``[num_rows, num_classes]`` with one entry per row: its class.
        core: ``[num_classes, num_col_classes]`` pattern between classes.
        collect: ``[num_col_classes, num_cols]`` with one entry per column.
    """

    expand: CSR
    core: CSR
    collect: CSR

    @classmethod
    def of(cls, pattern: CSR) -> Quotient:
        """Finds the classes in O(entries + num_rows).

        Args:
            pattern: ``[num_rows, num_cols]``; weights are ignored.
        """
        rows, kept = _distinct(pattern.with_weight(None))
        cols, kept = _distinct(kept.transpose)
        return cls(rows, kept.transpose, cols.transpose)

    @property
    def cost(self) -> int:
        """Multiply-adds per column of the operand."""
        return self.expand.nnz + self.core.nnz + self.collect.nnz


def _distinct(matrix: CSR) -> tuple[CSR, CSR]:
    """Returns ``[num_rows, num_classes]`` with one entry per row, and the distinct rows."""
    classes = equal_rows(matrix)
    count = int(classes.max()) + 1 if classes.numel() else 0
    rows = torch.arange(classes.numel())
    first = torch.full((count,), classes.numel()).scatter_reduce(0, classes, rows, "amin")
    return CSR.from_coo(rows, classes, (classes.numel(), count)), matrix.rows(first)
