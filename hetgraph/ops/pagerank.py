"""PageRank by power iteration."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import ConfigError, DataError
from hetgraph.ops.spmm import spmm

__all__ = ["pagerank"]


@torch.no_grad()
def pagerank(
    csr: CSR, *, teleport: Tensor | None = None, damping: float = 0.85, tolerance: float = 1e-10
) -> Tensor:
    """Returns how often a random surfer is at each node.

    With probability ``damping`` the surfer follows one of the edges that leave the node, in
    proportion to their weights; else, and from nodes that no edge leaves, it jumps to a node drawn
    from ``teleport``. O(nnz) an iteration, of which there are at most log(tolerance / 2) /
    log(damping), about 150.

    Args:
        csr: ``[num_nodes, num_nodes]`` edges; rows are destinations. Parallel edges add up.
        teleport: ``[num_nodes]`` weights of 0 or more; ``None``: all nodes alike.
        damping: Between 0 and 1.
        tolerance: Greatest sum of absolute changes in the last iteration.

    Returns:
        ``[num_nodes]`` float64; they add up to 1.

    Raises:
        ConfigError: If a setting is out of its range.
        DataError: If the matrix is not square, or ``teleport`` has another length, a negative
            number or no positive one.

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
        raise DataError("teleport needs finite numbers of 0 or more, and a positive one.")
    return weights / weights.sum()
