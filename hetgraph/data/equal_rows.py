"""Which rows of a sparse pattern are equal."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from hetgraph.data.csr import CSR

__all__ = ["equal_rows"]


def equal_rows(matrix: CSR) -> Tensor:
    """Numbers the different rows of a pattern by first occurrence.

    Rows are compared as sets, so entries must be sorted and without repetition. O(nnz + num_rows)
    expected time.

    Returns:
        ``[num_rows]`` int64: equal numbers exactly for equal rows.
    """
    indices = matrix.indices.cpu().numpy()
    bounds = matrix.indptr.tolist()
    known: dict[bytes, int] = {}
    number = [
        known.setdefault(indices[start:stop].tobytes(), len(known))
        for start, stop in pairwise(bounds)
    ]
    return torch.tensor(number, dtype=torch.int64)
