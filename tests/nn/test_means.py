"""The mean over neighbours against a loop over edges."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, Relation
from hetgraph.nn import mean_matrix


def loop(relation: CSR) -> torch.Tensor:
    """``sum_e w_e x_src(e) / sum_e |w_e|`` as a matrix, in float64."""
    rows, cols = (ids.tolist() for ids in relation.coo())
    weights = [1.0] * relation.nnz if relation.weight is None else relation.weight.tolist()
    mean = torch.zeros(relation.shape, dtype=torch.float64)
    for row, col, weight in zip(rows, cols, weights, strict=True):
        total = sum(abs(w) for r, w in zip(rows, weights, strict=True) if r == row)
        mean[row, col] += weight / total if total else 0.0
    return mean


@pytest.fixture
def relation() -> Relation:
    """Parallel edges, a node without any, and one whose weights are all zero."""
    generator = torch.Generator().manual_seed(0)
    src, dst = (torch.randint(high, (30,), generator=generator) for high in (6, 8))
    weight = torch.randn(30, generator=generator)
    weight[dst == 3] = 0
    return Relation.from_edges(src, dst, 6, 9, weight=weight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_of_any_sign_and_dtype_equal_the_loop(
    relation: Relation, dtype: torch.dtype
) -> None:
    relation = relation.with_weight(relation.weight.to(dtype))
    mean = mean_matrix(relation)
    assert mean.weight.dtype == torch.float32
    torch.testing.assert_close(mean.to_dense(torch.float64), loop(relation), rtol=1e-6, atol=1e-7)
    sums = mean.with_weight(mean.weight.abs()).to_dense().sum(1)
    expected = [0.0 if node in (3, 8) else 1.0 for node in range(9)]
    torch.testing.assert_close(sums, torch.tensor(expected))


def test_without_weights_it_is_the_plain_mean_bit_for_bit(relation: Relation) -> None:
    bare = relation.with_weight(None)
    expected = bare.normalized("row").weight
    for given in (bare, relation.with_weight(torch.ones(30).double())):
        assert torch.equal(mean_matrix(given).weight, expected)
    assert torch.equal(mean_matrix(relation, edge_weights=False).weight, expected)
    torch.testing.assert_close(mean_matrix(bare).to_dense(torch.float64), loop(bare))
