"""Two node types as one graph: its propagator, and one learned vector per node."""

from __future__ import annotations

import torch
from torch import nn

from hetgraph.data.csr import CSR

__all__ = ["bipartite_propagator", "pair_table"]


def bipartite_propagator(behaviour: CSR) -> CSR:
    """Returns ``D^-1/2 [[0, B], [B^T, 0]] D^-1/2`` over users and items, users first.

    Args:
        behaviour: ``[num_users, num_items]``; values and parallel entries do not count.

    Example:
        >>> bought = CSR.from_coo(torch.tensor([0]), torch.tensor([0]), (1, 1))
        >>> bipartite_propagator(bought).to_dense().tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    plain = behaviour.with_weight(None).coalesced("binary")
    users, items = plain.row_ids, plain.indices.long() + plain.num_rows
    size = plain.num_rows + plain.num_cols
    rows, cols = torch.cat([users, items]), torch.cat([items, users])
    return CSR.from_coo(rows.cpu(), cols.cpu(), (size, size)).normalized("sym").to(plain.device)


def pair_table(num_users: int, num_items: int, dim: int) -> nn.Parameter:
    """Returns ``[num_users + num_items, dim]``, each of the two tables Xavier-uniform by itself.

    Example:
        >>> pair_table(3, 5, 4).shape
        torch.Size([8, 4])
    """
    table = torch.empty(num_users + num_items, dim)
    nn.init.xavier_uniform_(table[:num_users])
    nn.init.xavier_uniform_(table[num_users:])
    return nn.Parameter(table)
