"""Aligned features: scores, seeds and cache."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.catalog.loading import load_dataset
from hetgraph.data import CSR
from hetgraph.features.svd import align_features, random_frame, right_vectors, truncated_svd


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def low_rank(rows: int = 60, cols: int = 40, rank: int = 6) -> torch.Tensor:
    return torch.randn(rows, rank) @ torch.randn(rank, cols)


@pytest.mark.parametrize("sparse", [False, True])
def test_scores_are_those_of_an_exact_svd(sparse: bool) -> None:
    matrix = low_rank()
    left, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    actual = truncated_svd(CSR.from_dense(matrix) if sparse else matrix, 6, generator())
    signs = torch.sign((left[:, :6] * actual).sum(0))
    torch.testing.assert_close(actual, left[:, :6] * values[:6] * signs, atol=1e-3, rtol=1e-3)
    assert bool((actual.gather(0, actual.abs().argmax(0, keepdim=True)) > 0).all())


def test_right_vectors_are_those_of_an_exact_svd() -> None:
    matrix = low_rank()
    _, _, right = torch.linalg.svd(matrix, full_matrices=False)
    actual = right_vectors(CSR.from_dense(matrix), 9, generator())
    assert actual.shape == (40, 9)
    assert not bool(actual[:, 6:].any())  # beyond the rank
    torch.testing.assert_close((right[:6] @ actual[:, :6]).abs(), torch.eye(6), atol=1e-3, rtol=0)
    assert bool((actual.gather(0, actual.abs().argmax(0, keepdim=True))[:, :6] > 0).all())


def test_narrow_features_keep_all_and_get_zeros() -> None:
    matrix = torch.rand(50, 7)
    actual = align_features(matrix, 50, dim=16)
    unit = matrix / matrix.sum(1, keepdim=True)
    assert actual.shape == (50, 16)
    assert not bool(actual[:, 7:].any())
    torch.testing.assert_close(actual @ actual.T, unit @ unit.T, atol=1e-5, rtol=1e-4)


def test_zero_rows_stay_and_signs_are_kept() -> None:
    matrix = torch.tensor([[1.0, -3.0], [0.0, 0.0], [2.0, 2.0]])
    actual = align_features(CSR.from_dense(matrix), 3, dim=2)
    unit = torch.tensor([[0.25, -0.75], [0.0, 0.0], [0.5, 0.5]])
    torch.testing.assert_close(actual @ actual.T, unit @ unit.T, atol=1e-6, rtol=1e-5)


def test_nodes_without_features_get_an_orthonormal_frame() -> None:
    frame = align_features(None, 300, dim=128)
    assert float((frame.T @ frame - torch.eye(128)).abs().max()) < 1e-5
    assert not torch.equal(frame, align_features(None, 300, dim=128, seed=1))
    small = random_frame(3, 8, generator())
    torch.testing.assert_close(small @ small.T, torch.eye(3), atol=1e-6, rtol=0)
    assert not bool(small[:, 3:].any())


def test_categories_are_columns() -> None:
    codes = torch.tensor([0, 2, -1, 2])
    actual = align_features(codes, 4, dim=5)
    same = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 1]])
    torch.testing.assert_close(actual @ actual.T, same, atol=1e-6, rtol=0)


def test_results_are_cached_by_content_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    matrix = CSR.from_dense((torch.rand(40, 30) < 0.3).float())
    first = align_features(matrix, 40, dim=4)
    monkeypatch.setattr("hetgraph.features.svd.truncated_svd", None)  # a second call would fail
    assert torch.equal(align_features(matrix, 40, dim=4), first)
    with pytest.raises(TypeError):
        align_features(matrix, 40, dim=4, seed=1)


def test_leading_norms_of_acm(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    features = load_dataset("heco/acm", data_root).graph.features["paper"]
    actual = align_features(features, features.shape[0])
    norms = actual.norm(dim=0)
    expected = torch.tensor([3.497, 0.761, 0.645, 0.605, 0.568])
    torch.testing.assert_close(norms[:5], expected, atol=1e-3, rtol=0)
    assert abs(float(norms[-1]) - 0.2526) < 2e-3
