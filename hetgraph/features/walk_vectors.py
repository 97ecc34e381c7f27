"""Node vectors from random walks: DeepWalk as a matrix factorisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import ConfigError
from hetgraph.ops import spmm
from hetgraph.sampling.walks import random_walks
from hetgraph.seeds import keyed_seed

__all__ = ["WalkConfig", "factorize", "ppmi", "walk_counts", "walk_vectors"]

_OVERSAMPLING = 16
_POWER_ITERATIONS = 3


@dataclass(frozen=True)
class WalkConfig:
    """Settings of walk vectors.

    Args:
        dim: Dimension of the vectors.
        walks: Walks per node.
        length: Steps per walk.
        window: Maximum distance of two nodes in a walk that count as a co-occurrence.
        p: Return parameter of node2vec.
        q: In-out parameter of node2vec.
        negatives: Negative samples per pair of the skip-gram objective.
        seed: Seed of the walks and of the start of the factorisation.

    Raises:
        ConfigError: If a value is out of range.
    """

    dim: int = 64
    walks: int = 10
    length: int = 40
    window: int = 5
    p: float = 1.0
    q: float = 1.0
    negatives: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dim", "walks", "length", "window", "negatives"):
            if getattr(self, name) < 1:
                raise ConfigError(f"walks: {name} is {getattr(self, name)}, expected 1 or more.")
        if self.p <= 0 or self.q <= 0:
            raise ConfigError(f"walks: p is {self.p} and q {self.q}, expected positive numbers.")


def walk_vectors(edges: CSR, config: WalkConfig | None = None) -> Tensor:
    """Returns ``[num_nodes, dim]`` float32 vectors; zeros for nodes without edges.

    Skip-gram with negative sampling on walks (DeepWalk, node2vec) implicitly factorises the
    shifted pointwise mutual information of nodes that co-occur in a window (Levy and Goldberg,
    NeurIPS 2014; Qiu et al., WSDM 2018). Here co-occurrences are counted and the positive part of
    that matrix is factorised by a randomised SVD (Halko et al., SIAM Review 53, 2011): no learning
    rate, no epochs, and the same vectors for the same seed.

    O(num_nodes * walks * length * window) for the counts, O(co-occurring pairs * dim) for the SVD.

    Args:
        edges: ``[num_nodes, num_nodes]``; row v holds the successors of node v.
        config: The settings.

    Example:
        >>> path = CSR.from_coo(torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 2, 1]), (4, 4))
        >>> vectors = walk_vectors(path, WalkConfig(dim=2))
        >>> vectors.shape, bool(vectors[3].any())
        (torch.Size([4, 2]), False)
    """
    config = config or WalkConfig()
    information = ppmi(walk_counts(edges, config), config.negatives)
    return factorize(information, config.dim, config.seed)


def walk_counts(edges: CSR, config: WalkConfig) -> sp.csr_array:
    """Returns ``[num_nodes, num_nodes]`` symmetric counts of co-occurrences in the window."""
    generator = torch.Generator().manual_seed(keyed_seed("walks", config.seed))
    size = edges.num_rows
    starts = (edges.degree > 0).nonzero().squeeze(1)
    counts = sp.csr_array((size, size), dtype=np.float32)
    for _ in range(config.walks):
        walks = random_walks(edges, starts, config.length, generator, p=config.p, q=config.q)
        rows, cols = [], []
        for distance in range(1, min(config.window, config.length) + 1):
            earlier, later = walks[:, :-distance].reshape(-1), walks[:, distance:].reshape(-1)
            rows.append(earlier[later >= 0])
            cols.append(later[later >= 0])
        pairs = torch.cat(rows).int().numpy(), torch.cat(cols).int().numpy()
        new = sp.coo_array((np.ones(pairs[0].size, np.float32), pairs), shape=(size, size))
        counts = counts + new.tocsr()
    return sp.csr_array(counts + counts.T)


def ppmi(counts: sp.csr_array, negatives: int = 1) -> CSR:
    """Returns the positive part of log(n_ij n / (n_i n_j)) - log(negatives), for counts n_ij."""
    total = counts.sum(axis=1)
    scale = np.log(np.divide(1.0, total, out=np.ones_like(total), where=total > 0))
    coo = counts.tocoo()
    start = np.log(max(float(total.sum()), 1.0)) - np.log(negatives)
    value = np.log(coo.data) + scale[coo.row] + scale[coo.col] + start
    kept = value > 0
    row, col = coo.row[kept].astype(np.int32), coo.col[kept].astype(np.int32)
    return CSR.from_coo(row, col, counts.shape, torch.from_numpy(value[kept]).float())


def factorize(matrix: CSR, dim: int, seed: int) -> Tensor:
    """Returns ``U sqrt(S)`` of the leading singular values of a symmetric matrix.

    Args:
        matrix: ``[n, n]``.
        dim: Number of columns; padded with zeros if ``n`` is smaller.
        seed: Seed of the range finder.
    """
    size = matrix.num_rows
    generator = torch.Generator().manual_seed(keyed_seed("factorize", seed))
    num_directions = min(dim + _OVERSAMPLING, size)
    basis = torch.randn(size, num_directions, generator=generator)
    for _ in range(_POWER_ITERATIONS):
        basis = torch.linalg.qr(spmm(matrix, basis)).Q
    left, values, _ = torch.linalg.svd(spmm(matrix, basis), full_matrices=False)
    left, values = left[:, :dim], values[:dim]
    largest = left.gather(0, left.abs().argmax(0, keepdim=True))
    vectors = left * largest.sign() * values.sqrt()
    return torch.nn.functional.pad(vectors, (0, dim - vectors.shape[1]))
