"""Who attends to whom along a meta-path: the composed pattern, thinned out, with self-loops."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hetgraph.data import CSR, Relation
from hetgraph.seeds import mixed_bits

__all__ = ["add_self_loops", "sample_by_ids", "sample_neighbors"]


def add_self_loops(pattern: CSR) -> CSR:
    """Returns the square pattern with the entries that its diagonal lacks; no weights."""
    rows, cols = pattern.coo()
    lacking = torch.ones(pattern.num_rows, dtype=torch.bool, device=rows.device)
    lacking[rows[rows == cols]] = False
    nodes = lacking.nonzero().squeeze(1)
    if nodes.numel() == 0:
        return pattern.with_weight(None)
    return CSR.from_coo(torch.cat([rows, nodes]), torch.cat([cols, nodes]), pattern.shape)


def sample_neighbors(pattern: Relation, limit: int, generator: torch.Generator) -> Relation:
    """Returns at most ``limit`` entries of each row, drawn without replacement.

    O(nnz log nnz).

    Args:
        pattern: ``[num_rows, num_cols]``.
        limit: Most entries of a row.
        generator: Source of the draw, on the CPU.
    """
    if pattern.nnz == 0 or int(pattern.degree.max()) <= limit:
        return pattern
    key = torch.rand(pattern.nnz, generator=generator, dtype=torch.float64).to(pattern.device)
    return _first(pattern, limit, key)


def sample_by_ids(pattern: Relation, limit: int, keys: Tensor, seed: int) -> Relation:
    """Returns at most ``limit`` entries of each row; which ones depends on both nodes alone.

    A pair that is drawn in one graph is drawn in another, unless new neighbours come before it.

    Args:
        pattern: ``[num_nodes, num_nodes]``.
        limit: Most entries of a row.
        keys: ``[num_nodes]`` int64, equal for the same nodes of two graphs; see
            :func:`~hetgraph.features.standins.node_keys`.
        seed: Seed of the draw.
    """
    if pattern.nnz == 0 or int(pattern.degree.max()) <= limit:
        return pattern
    bits = mixed_bits(keys.numpy().astype(np.uint64) ^ np.uint64(seed % 2**64))
    rows, cols = (ends.cpu().numpy() for ends in pattern.coo())
    pairs = mixed_bits(bits[rows] ^ mixed_bits(bits[cols])) >> np.uint64(11)  # 53 bits: a float64
    return _first(pattern, limit, torch.from_numpy(pairs.astype(np.float64) / 2**53))


def _first(pattern: Relation, limit: int, key: Tensor) -> Relation:
    """Keeps the entries of each row with the smallest keys, ``[nnz]`` float64 in 0..1."""
    # Sorting by row + a fraction shuffles within the rows and leaves the rows where they are.
    order = key.add_(pattern.row_ids).argsort()
    rank = torch.arange(pattern.nnz, device=pattern.device)
    rank -= pattern.indptr[:-1].long().repeat_interleave(pattern.degree, output_size=pattern.nnz)
    kept = torch.zeros(pattern.nnz, dtype=torch.bool, device=pattern.device)
    kept[order[rank < limit]] = True
    return pattern.select(kept)
