import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hetgraph.data import CSR
from hetgraph.errors import ConfigError, DataError


def dense(rows: list[int], cols: list[int], shape: tuple[int, int], w: list[float]) -> torch.Tensor:
    matrix = torch.zeros(shape)
    for r, c, x in zip(rows, cols, w, strict=True):
        matrix[r, c] += x
    return matrix


@st.composite
def coo(draw: st.DrawFn) -> tuple[list[int], list[int], tuple[int, int], list[float]]:
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    n = draw(st.integers(0, 15))
    rows = draw(st.lists(st.integers(0, shape[0] - 1), min_size=n, max_size=n))
    cols = draw(st.lists(st.integers(0, shape[1] - 1), min_size=n, max_size=n))
    weight = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=n, max_size=n))
    return rows, cols, shape, weight


@settings(deadline=None)
@given(coo())
def test_from_coo_equals_dense_and_round_trips(entries: tuple) -> None:
    rows, cols, shape, weight = entries
    want = dense(rows, cols, shape, weight)
    csr = CSR.from_coo(
        torch.tensor(rows).long(), torch.tensor(cols).long(), shape, np.array(weight)
    )
    csr.validate()
    assert csr.shape == shape
    assert csr.nnz == len(rows)
    torch.testing.assert_close(csr.to_dense(), want)
    torch.testing.assert_close(csr.transpose.to_dense(), want.t())
    torch.testing.assert_close(torch.from_numpy(csr.to_scipy().toarray()), want)
    torch.testing.assert_close(csr.coalesced().to_dense(), want)
    assert csr.coalesced("binary").nnz == int((want > 0).sum())
    key = csr.row_ids * shape[1] + csr.indices.long()
    assert bool((key[1:] >= key[:-1]).all())


@settings(deadline=None)
@given(coo())
def test_transpose_permutation_maps_entries(entries: tuple) -> None:
    rows, cols, shape, weight = entries
    csr = CSR.from_coo(
        torch.tensor(rows).long(), torch.tensor(cols).long(), shape, torch.tensor(weight)
    )
    flipped = csr.transpose
    assert flipped.transpose is csr
    assert torch.equal(flipped.weight, csr.weight[csr.transpose_perm])
    assert torch.equal(csr.weight, flipped.weight[flipped.transpose_perm])
    assert torch.equal(flipped.row_ids, csr.indices.long()[csr.transpose_perm])


def test_parallel_entries_keep_their_order() -> None:
    csr, perm = CSR.from_coo_with_perm(
        torch.tensor([1, 0, 1, 1]), torch.tensor([0, 0, 0, 0]), (2, 1)
    )
    assert perm.tolist() == [1, 0, 2, 3]
    assert csr.indptr.tolist() == [0, 1, 4]
    assert csr.indices.dtype == torch.int32


@pytest.mark.parametrize("kind", ["row", "col", "sym"])
def test_normalized_matches_the_definition(kind: str) -> None:
    matrix = torch.tensor([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 0.0, 2.0]])
    row = matrix.sum(1, keepdim=True).clamp(min=1e-9)
    col = matrix.sum(0, keepdim=True).clamp(min=1e-9)
    want = {"row": matrix / row, "col": matrix / col, "sym": matrix / (row * col).sqrt()}[kind]
    torch.testing.assert_close(CSR.from_dense(matrix).normalized(kind).to_dense(), want)


@pytest.mark.parametrize("kind", ["row", "col", "sym"])
def test_absolute_sums_keep_the_sign_of_negative_weights(kind: str) -> None:
    """Against a loop; the sums of row 0 cancel, row 1 has zeros alone, row 3 no entry."""
    rows, cols = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 1, 0, 1, 2, 2])
    weight = torch.tensor([2.0, -2.0, 0.0, -1.0, 3.0, -0.5], dtype=torch.float64)
    matrix = CSR.from_coo(rows, cols, (4, 3), weight)
    entries = list(zip(rows.tolist(), cols.tolist(), weight.tolist(), strict=True))
    expected = torch.zeros(4, 3, dtype=torch.float64)
    for row, col, value in entries:
        in_row = sum(abs(other) for i, _, other in entries if i == row)
        in_col = sum(abs(other) for _, j, other in entries if j == col)
        by = {"row": in_row, "col": in_col, "sym": (in_row * in_col) ** 0.5}[kind]
        expected[row, col] += value / by if by else 0.0
    result = matrix.normalized(kind, absolute=True)
    torch.testing.assert_close(result.to_dense(torch.float64), expected)


@pytest.mark.parametrize("kind", ["row", "col", "sym"])
def test_negative_weights_are_refused_unless_absolute_sums_are_asked_for(kind: str) -> None:
    weight = torch.tensor([1.0, -0.5, 2.0, -3.0])
    matrix = CSR.from_coo(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 2, 1, 2]), (3, 3), weight)
    message = (
        r"^likes: the weight in row 1, column 2 \(edge 2 -> 1\) is -0.5 and 1 more are negative; "
        r"expected 0 or more.*absolute=True\)\.$"
    )
    with pytest.raises(DataError, match=message):
        matrix.normalized(kind, name="likes")


@pytest.mark.parametrize("kind", ["row", "col", "sym"])
def test_absolute_sums_of_weights_of_0_or_more_are_bit_for_bit_the_plain_ones(kind: str) -> None:
    matrix = CSR.from_dense(torch.rand(9, 7) * (torch.rand(9, 7) < 0.5))
    for edges in (matrix, matrix.with_weight(None)):
        plain, absolute = edges.normalized(kind), edges.normalized(kind, absolute=True)
        assert torch.equal(plain.weight, absolute.weight)


def test_rows_takes_any_order_and_repeats() -> None:
    matrix = torch.arange(12.0).view(4, 3)
    index = torch.tensor([3, 0, 3])
    torch.testing.assert_close(CSR.from_dense(matrix).rows(index).to_dense(), matrix[index])


def test_from_scipy_drops_all_ones_values() -> None:
    matrix = sp.csr_matrix(np.array([[0, 1], [1, 1]]))
    assert CSR.from_scipy(matrix).weight is None
    assert CSR.from_scipy(matrix * 2).weight.tolist() == [2.0, 2.0, 2.0]


def test_transposing_unsorted_columns_permutes_the_weights() -> None:
    csr = CSR(torch.tensor([0, 3]), torch.tensor([2, 0, 2]), 3, torch.tensor([1.0, 2.0, 3.0]))
    flipped = csr.transpose
    assert flipped.weight.tolist() == [2.0, 1.0, 3.0]
    assert csr.transpose_perm.tolist() == [1, 0, 2]
    assert torch.equal(csr.weight, flipped.weight[flipped.transpose_perm])


def test_wrong_input_is_reported() -> None:
    with pytest.raises(DataError, match=r"column 5 is outside 0\.\.2"):
        CSR.from_coo(torch.tensor([0]), torch.tensor([5]), (1, 3))
    with pytest.raises(DataError, match="2 entries and cols has 1"):
        CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0]), (1, 3))
    with pytest.raises(DataError, match="expected integers"):
        CSR.from_coo(torch.tensor([0.5]), torch.tensor([0]), (1, 3))
    with pytest.raises(DataError, match="weight has shape"):
        CSR.from_coo(torch.tensor([0]), torch.tensor([0]), (1, 1), torch.ones(2))
    with pytest.raises(ConfigError, match="Did you mean 'row'"):
        CSR.from_dense(torch.eye(2)).normalized("rows")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indptr": torch.tensor([0, 2, 1])}, "runs from 0 to 1"),
        ({"indptr": torch.tensor([0, 3, 2])}, "decreases"),
        ({"indices": torch.tensor([0, 7])}, "index 7 is outside"),
        ({"indices": torch.tensor([0, 1], dtype=torch.int32)}, "same dtype"),
        ({"weight": torch.tensor([1.0, float("nan")])}, "NaN"),
        ({"weight": torch.tensor([1, 2])}, "expected a float"),
    ],
)
def test_validate_names_the_fault(change: dict, message: str) -> None:
    arguments = {"indptr": torch.tensor([0, 1, 2]), "indices": torch.tensor([0, 1]), "num_cols": 2}
    with pytest.raises(DataError, match=message):
        CSR(**{**arguments, **change}).validate("here")
