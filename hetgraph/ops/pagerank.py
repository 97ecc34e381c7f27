"""PageRank by power iteration."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.entries import check_sign
from hetgraph.errors import ConfigError, DataError
from hetgraph.ops.spmm import spmm

__all__ = ["pagerank"]


@torch.no_grad()
def pagerank(
    csr: CSR, *, teleport: Tensor | None = None, damping: float = 0.85, tolerance: float = 1e-10
) -> Tensor:
    """Returns the PageRank of each node: the stationary distribution of a random surfer.

    With probability ``damping`` the surfer follows an outgoing edge, in proportion to edge weights;
    otherwise, and at nodes without outgoing edges, it jumps to a node drawn from ``teleport``.
    O(nnz) per iteration, with at most log(tolerance / 2) / log(damping) iterations, about 150.

    Args:
        csr: ``[num_nodes, num_nodes]`` edges; rows are destinations. Parallel edges are added.
        teleport: ``[num_nodes]`` non-negative weights; ``None``: uniform.
        damping: Probability of following an edge, between 0 and 1.
        tolerance: Sum of absolute changes at which the iteration stops.

    Returns:
        ``[num_nodes]`` float64 that sum to 1.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If the matrix is not square or has a negative weight, or ``teleport`` has another
            length, a negative value or no positive one.

    Example:
        >>> from hetgraph.data import CSR
        >>> both_ways = CSR.from_coo(torch.tensor([0, 1]), torch.tensor([1, 0]), (2, 2))
        >>> pagerank(both_ways)
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    if csr.num_rows != csr.num_cols or not csr.num_rows:
        raise DataError(f"the matrix is {csr.num_rows} x {csr.num_cols}, expected a square one.")
    if not 0 < damping < 1 or not 0 < tolerance < 1:
        raise ConfigError(
            f"damping is {damping} and tolerance {tolerance}, expected values between 0 and 1."
        )
    check_sign(csr.weight, *csr.coo(), "the matrix", "or drop them with with_weight(None)")
    jump = _distribution(csr, teleport)
    if csr.weight is not None:
        csr = csr.with_weight(csr.weight.double())
    leaving = spmm(csr.transpose, torch.ones_like(jump))
    stuck = leaving <= 0
    rank = jump
    for _ in range(math.ceil(math.log(tolerance / 2) / math.log(damping))):
        shared = torch.where(stuck, 0.0, rank / leaving)
        new = damping * (spmm(csr, shared) + rank[stuck].sum() * jump) + (1 - damping) * jump
        change = float((new - rank).abs().sum())
        rank = new
        if change < tolerance:
            break
    return rank / rank.sum()


def _distribution(csr: CSR, teleport: Tensor | None) -> Tensor:
    if teleport is None:
        teleport = torch.ones(csr.num_rows, device=csr.device)
    if teleport.shape != (csr.num_rows,):
        raise DataError(f"teleport has shape {list(teleport.shape)}, expected [{csr.num_rows}].")
    weights = teleport.to(csr.device, torch.float64)
    if bool((weights < 0).any()) or not 0 < float(weights.sum()) < math.inf:
        raise DataError("teleport needs finite, non-negative numbers, and at least one positive.")
    return weights / weights.sum()
