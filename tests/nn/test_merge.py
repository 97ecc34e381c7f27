"""Merging of attentions."""

from __future__ import annotations

import torch

from hetgraph.data import CSR
from hetgraph.nn.merge import average_attention, merge_attention
from hetgraph.ops import edge_attention

ROWS, HEADS, DIM = 7, 2, 3


def random_csr(seed: int, num_cols: int, nnz: int) -> CSR:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(ROWS - 2, (nnz,), generator=generator)  # two rows stay empty
    cols = torch.randint(num_cols, (nnz,), generator=generator)
    return CSR.from_coo(rows, cols, (ROWS, num_cols))


def attend(csr: CSR, score: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return edge_attention(
        csr, None, None, value, col_score=score, negative_slope=1.0, return_logsumexp=True
    )


def test_equal_to_one_softmax_over_the_union() -> None:
    sizes = (4, 6, 5)
    matrices = [random_csr(seed, size, 3 * size) for seed, size in enumerate(sizes)]
    options = {"dtype": torch.float64, "requires_grad": True}
    scores = [torch.randn(size, HEADS, **options) for size in sizes]
    values = [torch.randn(size, HEADS, DIM, **options) for size in sizes]
    found, shares = merge_attention(
        [attend(*one) for one in zip(matrices, scores, values, strict=True)]
    )

    offsets = (0, 4, 10)
    rows = torch.cat([one.row_ids for one in matrices])
    cols = torch.cat([one.indices.long() + at for one, at in zip(matrices, offsets, strict=True)])
    union = CSR.from_coo(rows, cols, (ROWS, sum(sizes)))
    expected, _ = attend(union, torch.cat(scores), torch.cat(values))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        shares.sum(0), (union.degree > 0).double().unsqueeze(1).expand(ROWS, HEADS)
    )

    weights = torch.randn_like(expected)
    ours = torch.autograd.grad((found * weights).sum(), [*scores, *values])
    theirs = torch.autograd.grad((expected * weights).sum(), [*scores, *values])
    for one, other in zip(ours, theirs, strict=True):
        assert bool(torch.isfinite(one).all())
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_huge_scores_and_empty_relations_stay_finite() -> None:
    matrices = [random_csr(0, 4, 9), random_csr(1, 4, 0), random_csr(2, 4, 9)]
    scores = [torch.full((4, HEADS), size, requires_grad=True) for size in (3e4, 0.0, -3e4)]
    values = [torch.randn(4, HEADS, DIM) for _ in matrices]
    found, shares = merge_attention(
        [attend(*one) for one in zip(matrices, scores, values, strict=True)]
    )
    assert bool(torch.isfinite(found).all())
    assert float(shares[1].detach().abs().max()) == 0
    found.sum().backward()
    assert all(bool(torch.isfinite(one.grad).all()) for one in scores if one.grad is not None)


def test_a_single_relation_is_passed_on() -> None:
    matrix = random_csr(0, 4, 9)
    part = attend(matrix, torch.randn(4, HEADS), torch.randn(4, HEADS, DIM))
    found, shares = merge_attention([part])
    assert found is part[0]
    assert torch.equal(shares[0, :, 0], (matrix.degree > 0).float())


def test_the_mean_counts_relations_without_entries() -> None:
    matrices = [random_csr(0, 4, 9), random_csr(1, 4, 0), random_csr(2, 4, 9)]
    parts = [attend(one, torch.randn(4, HEADS), torch.randn(4, HEADS, DIM)) for one in matrices]
    found, shares = average_attention(parts)
    torch.testing.assert_close(found, torch.stack([mean for mean, _ in parts]).mean(0))
    for one, share in zip(matrices, shares, strict=True):
        expected = (one.degree > 0).float().unsqueeze(1).expand(ROWS, HEADS) / 3
        assert torch.equal(share, expected)
