"""Who attends to whom along a meta-path: the composed pattern, thinned out, with self-loops."""

from __future__ import annotations

import torch

from hetgraph.data import CSR, Relation

__all__ = ["add_self_loops", "sample_neighbors"]


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
    # Sorting by row + a fraction shuffles within the rows and leaves the rows where they are.
    key = torch.rand(pattern.nnz, generator=generator, dtype=torch.float64).to(pattern.device)
    order = key.add_(pattern.row_ids).argsort()
    rank = torch.arange(pattern.nnz, device=pattern.device)
    rank -= pattern.indptr[:-1].long().repeat_interleave(pattern.degree, output_size=pattern.nnz)
    kept = torch.zeros(pattern.nnz, dtype=torch.bool, device=pattern.device)
    kept[order[rank < limit]] = True
    return pattern.select(kept)
