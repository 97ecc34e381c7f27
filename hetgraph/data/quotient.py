"""Equal rows and columns of a matrix are kept once: an exact factorisation of dense meta-paths."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hetgraph.data.csr import CSR
from hetgraph.data.equal_rows import equal_rows

__all__ = ["Quotient"]


@dataclass(frozen=True, eq=False)
class Quotient:
    """A pattern as ``expand @ core @ collect``, with every different row and column once.

    Nodes with the same neighbours by a meta-path - papers of one subject, authors of the same
    conferences - have equal rows. A product then costs ``cost`` multiply-adds for each column
    instead of the number of entries: 4,057 authors by their shared conferences, 5.0 M entries,
    have 776 different rows.

    Args:
        expand: ``[num_rows, num_classes]``, one entry a row: its class.
        core: ``[num_classes, num_col_classes]`` pattern between classes.
        collect: ``[num_col_classes, num_cols]``, one entry a column.
    """

    expand: CSR
    core: CSR
    collect: CSR

    @classmethod
    def of(cls, pattern: CSR) -> Quotient:
        """Finds the classes in O(entries + num_rows).

        Args:
            pattern: ``[num_rows, num_cols]``; values of its entries do not count.
        """
        rows, kept = _distinct(pattern.with_weight(None))
        cols, kept = _distinct(kept.transpose)
        return cls(rows, kept.transpose, cols.transpose)

    @property
    def cost(self) -> int:
        """Multiply-adds for each column of what it is multiplied with."""
        return self.expand.nnz + self.core.nnz + self.collect.nnz


def _distinct(matrix: CSR) -> tuple[CSR, CSR]:
    """Returns ``[num_rows, num_classes]``, one entry a row, and the different rows."""
    classes = equal_rows(matrix)
    count = int(classes.max()) + 1 if classes.numel() else 0
    rows = torch.arange(classes.numel())
    first = torch.full((count,), classes.numel()).scatter_reduce(0, classes, rows, "amin")
    return CSR.from_coo(rows, classes, (classes.numel(), count)), matrix.rows(first)
