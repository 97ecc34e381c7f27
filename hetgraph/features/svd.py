"""Features of any kind and dimension, reduced to one dimension by a truncated SVD."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.features.store import content_digest, stored
from hetgraph.ops import spmm
from hetgraph.seeds import keyed_seed

__all__ = [
    "align_features",
    "aligned_by",
    "alignment_of",
    "random_frame",
    "right_vectors",
    "truncated_svd",
    "unit_sums",
]

_VERSION = 1  # to be incremented when aligned features of the same input change
_EXTRA = 10
_ROUNDS = 5
NEGLIGIBLE = 1e-5
"""Fraction of the largest value below which singular values and scores are rounding in float32."""


def align_features(
    features: Tensor | CSR | None, num_nodes: int, dim: int = 128, seed: int = 0
) -> Tensor:
    """Returns ``[num_nodes, dim]`` float32 SVD scores of the rows, normalised to an L1 norm of 1.

    Columns are not centred, and columns beyond the rank are zero. Nodes without features get a
    random orthonormal frame, as any orthonormal basis holds singular vectors of the identity. The
    result is cached on disk by content.

    Args:
        features: ``[num_nodes, num_features]``; ``[num_nodes]`` int64 categories, -1 for none; or
            ``None``.
        num_nodes: Number of nodes.
        dim: Dimension of the result.
        seed: Seed of the random directions.
    """
    generator = torch.Generator().manual_seed(keyed_seed("align", seed))
    if features is None:
        return random_frame(num_nodes, dim, generator)
    scaled = _unit_rows(features)
    tensors = (
        [scaled] if isinstance(scaled, Tensor) else [scaled.indptr, scaled.indices, scaled.weight]
    )
    key = [_VERSION, dim, seed, list(scaled.shape), content_digest(*tensors)]
    return stored("svd", key, lambda: truncated_svd(scaled, dim, generator))


def alignment_of(features: Tensor | CSR, dim: int = 128, seed: int = 0) -> Tensor:
    """Returns ``[num_features, dim]``: what maps rows to the scores of :func:`align_features`."""
    generator = torch.Generator().manual_seed(keyed_seed("align", seed))
    rows = _unit_rows(features)
    vectors = right_vectors(rows, dim, generator)
    scores = _product(rows, vectors)
    if not scores.shape[0]:
        return vectors
    # The signs are those of the scores, whose largest entries are positive.
    largest = scores.gather(0, scores.abs().argmax(0, keepdim=True))
    return torch.where(largest < 0, -vectors, vectors)


def aligned_by(features: Tensor | CSR, alignment: Tensor) -> Tensor:
    """Returns ``[num_nodes, dim]`` scores of rows by the :func:`alignment_of` other rows."""
    rows = _unit_rows(features)
    return _product(rows, alignment[: rows.shape[1]])  # the last categories may not occur


def _unit_rows(features: Tensor | CSR) -> Tensor | CSR:
    matrix = _matrix(features)
    return F.normalize(matrix, p=1, dim=1) if isinstance(matrix, Tensor) else unit_sums(matrix)


def random_frame(num_nodes: int, dim: int, generator: torch.Generator) -> Tensor:
    """Returns ``[num_nodes, dim]`` orthonormal columns; those beyond ``num_nodes`` are zero."""
    drawn = torch.randn(num_nodes, min(dim, num_nodes), generator=generator, dtype=torch.float64)
    frame = torch.linalg.qr(drawn).Q
    return F.pad(frame, (0, dim - frame.shape[1])).float()


def truncated_svd(matrix: Tensor | CSR, dim: int, generator: torch.Generator) -> Tensor:
    """Returns ``U_dim S_dim`` of a matrix, the scores of its rows, by a randomised SVD.

    Five power iterations on ``dim + 10`` directions; exact with as many directions as the matrix
    has rows or columns. A sparse matrix is never densified: O(entries * dim) per product. Signs are
    chosen so that the largest absolute entry of every column is positive.

    Args:
        matrix: ``[num_rows, num_cols]`` float32.
        dim: Number of scores; those beyond the rank are zero.
        generator: Random generator of the directions.

    Source: Halko, Martinsson and Tropp, SIAM Review 2011, algorithms 4.4 and 5.1.
    """
    basis, _, values, right = _decompose(matrix, dim, generator)
    scores = (basis @ right.T * values)[:, :dim]
    if matrix.shape[0]:
        largest = scores.gather(0, scores.abs().argmax(0, keepdim=True))
        scores = torch.where(largest < 0, -scores, scores)
    return F.pad(scores, (0, dim - scores.shape[1]))


def right_vectors(matrix: Tensor | CSR, dim: int, generator: torch.Generator) -> Tensor:
    """Returns ``V_dim``, so that a row times it is its score; see :func:`truncated_svd`.

    Args:
        matrix: ``[num_rows, num_cols]`` float32.
        dim: Number of vectors; those beyond the rank are zero.
        generator: Random generator of the directions.

    Returns:
        ``[num_cols, dim]`` orthonormal columns, of which the largest absolute entry is positive.
    """
    _, vectors, values, _ = _decompose(matrix, dim, generator)
    vectors = vectors[:, :dim]
    if vectors.numel():
        vectors = vectors * (values[:dim] > NEGLIGIBLE * values[0])
        largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        vectors = torch.where(largest < 0, -vectors, vectors)
    return F.pad(vectors, (0, dim - vectors.shape[1]))


def _decompose(
    matrix: Tensor | CSR, dim: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns ``Q, V, S, R`` of ``matrix = Q R^T S V^T``, all but ``V`` orthonormal and small."""
    num_rows, num_cols = matrix.shape
    num_directions = min(dim + _EXTRA, num_rows, num_cols)
    flipped = matrix.t() if isinstance(matrix, Tensor) else matrix.transpose
    basis = torch.randn(num_cols, num_directions, generator=generator)
    for _ in range(_ROUNDS):
        basis = _orthonormal(_product(matrix, basis))
        basis = _orthonormal(_product(flipped, basis))
    basis = _orthonormal(_product(matrix, basis))
    small = _product(flipped, basis)  # [num_cols, num_directions]; its right vectors give U
    vectors, values, right = torch.linalg.svd(small, full_matrices=False)
    return basis, vectors, values, right


def _matrix(features: Tensor | CSR) -> Tensor | CSR:
    """Returns the features as float32, categories one-hot."""
    if isinstance(features, CSR):
        weight = features.weight
        return features.with_weight(torch.ones(features.nnz) if weight is None else weight.float())
    if features.dim() == 2:
        return features.float()
    known = (features >= 0).nonzero().squeeze(1)
    num_categories = int(features.max()) + 1 if known.numel() else 0
    shape = (features.numel(), num_categories)
    return CSR.from_coo(known, features[known], shape, torch.ones(known.numel()))


def unit_sums(matrix: CSR) -> CSR:
    """Divides the rows of a weighted matrix by the sums of their absolute values.

    Rows of zeros stay zero.
    """
    assert matrix.weight is not None  # as said above
    size = matrix.weight.abs()
    total = torch.zeros(matrix.num_rows).index_add_(0, matrix.row_ids, size).clamp(min=1e-12)
    return matrix.with_weight(matrix.weight / total[matrix.row_ids])


def _product(matrix: Tensor | CSR, x: Tensor) -> Tensor:
    return matrix @ x if isinstance(matrix, Tensor) else spmm(matrix, x)


def _orthonormal(x: Tensor) -> Tensor:
    basis: Tensor = torch.linalg.qr(x).Q
    return basis
