"""Two node types as one graph: its propagator, and one learned vector per node."""

from __future__ import annotations

import torch
from torch import nn

from hetgraph.data.csr import CSR
from hetgraph.data.entries import is_weighted

__all__ = ["bipartite_propagator", "pair_table"]


def bipartite_propagator(behaviour: CSR, *, edge_weights: bool = False) -> CSR:
    """Returns ``D^-1/2 [[0, B], [B^T, 0]] D^-1/2`` over users and items, users first.

    With edge weights, ``D`` holds the sums of their absolute values; where a sum is zero, so are
    the row and the column.

    Args:
        behaviour: ``[num_users, num_items]``; parallel entries count once, or as the sum of their
            weights.
        edge_weights: Whether weights are read.

    Example:
        >>> bought = CSR.from_coo(torch.tensor([0]), torch.tensor([0]), (1, 1))
        >>> bipartite_propagator(bought).to_dense().tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    if edge_weights and is_weighted(behaviour.weight):
        plain = behaviour.coalesced("sum")
    else:
        plain = behaviour.with_weight(None).coalesced("binary")
    users, items = plain.row_ids, plain.indices.long() + plain.num_rows
    size = plain.num_rows + plain.num_cols
    rows, cols = torch.cat([users, items]), torch.cat([items, users])
    weight = None if plain.weight is None else plain.weight.float().cpu().repeat(2)
    both = CSR.from_coo(rows.cpu(), cols.cpu(), (size, size), weight)
    return both.normalized("sym", absolute=True).to(plain.device)


def pair_table(num_users: int, num_items: int, dim: int) -> nn.Parameter:
    """Returns ``[num_users + num_items, dim]``, each of the two tables Xavier-uniform by itself.

    Args:
        num_users: Rows of the first table.
        num_items: Rows of the second table.
        dim: Dimension of the vectors.

    Example:
        >>> pair_table(3, 5, 4).shape
        torch.Size([8, 4])
    """
    table = torch.empty(num_users + num_items, dim)
    nn.init.xavier_uniform_(table[:num_users])
    nn.init.xavier_uniform_(table[num_users:])
    return nn.Parameter(table)
