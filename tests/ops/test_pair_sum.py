from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.data import CSR
from hetgraph.errors import DataError
from hetgraph.ops import pair_sum


@pytest.mark.parametrize("heads", [1, 3, 0])
def test_matches_a_loop_over_the_entries(make_csr, index_dtype, heads):
    csr = make_csr(index_dtype=index_dtype)
    row = torch.randn(heads, csr.num_rows, dtype=torch.float64).t()  # not contiguous
    col = torch.randn(csr.num_cols, heads, dtype=torch.float64)
    result = pair_sum(csr, row, col)
    assert result.shape == (csr.nnz, heads)
    for entry, (i, j) in enumerate(zip(*csr.coo(), strict=True)):
        assert torch.equal(result[entry], row[i] + col[j])


def test_one_side_may_be_missing(make_csr):
    csr = make_csr()
    col = torch.randn(csr.num_cols, 2)
    assert torch.equal(pair_sum(csr, None, col), col[csr.indices.long()])
    assert torch.equal(pair_sum(csr.transpose, col, None), col[csr.transpose.row_ids])


@pytest.mark.parametrize("missing", [None, "row", "col"])
def test_gradients(make_csr, missing):
    csr = make_csr(5, 4, 30)
    row = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    col = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    if missing == "row":
        assert gradcheck(lambda col: pair_sum(csr, None, col), (col,))
    elif missing == "col":
        assert gradcheck(lambda row: pair_sum(csr, row, None), (row,))
    else:
        assert gradcheck(lambda row, col: pair_sum(csr, row, col), (row, col))


def test_no_entries():
    csr = CSR.from_coo(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), (3, 2))
    row = torch.randn(3, 2, requires_grad=True)
    result = pair_sum(csr, row, torch.randn(2, 2))
    assert result.shape == (0, 2)
    result.sum().backward()
    assert torch.equal(row.grad, torch.zeros(3, 2))


@pytest.mark.parametrize(
    ("row", "col", "message"),
    [
        (None, None, "no score is given"),
        (torch.zeros(9, 2), torch.zeros(7, 3), "row has 2 heads and col 3"),
        (torch.zeros(8, 2), None, "expected 9 rows"),
        (torch.zeros(9), None, r"expected \[9, heads\]"),
        (None, torch.zeros(7, 2, dtype=torch.int64), "floating"),
    ],
)
def test_contradictions_give_one_clear_line(make_csr, row, col, message):
    with pytest.raises(DataError, match=message):
        pair_sum(make_csr(), row, col)
