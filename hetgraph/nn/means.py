"""The mean over the neighbours of a relation, by edge weight where there are weights."""

from __future__ import annotations

from hetgraph.data.csr import CSR
from hetgraph.data.entries import is_weighted

__all__ = ["mean_matrix"]


def mean_matrix(relation: CSR, *, edge_weights: bool = True) -> CSR:
    """Returns the matrix that takes the mean over the neighbours of each node.

    The entry of edge ``e`` is ``w_e / sum_f |w_f|``, the sum over all edges into the same node, so
    no mean is larger than what it is taken of. A node without edges, or with weights that are all
    zero, gets zeros. Without weights that is one over the number of edges.

    Args:
        relation: The edges, with or without weights of any sign and float dtype.
        edge_weights: Whether weights are read; weights that are all one make no difference.

    Returns:
        The same pattern with float32 weights, without edge features and times.

    Example:
        >>> import torch
        >>> rated = CSR.from_dense(torch.tensor([[4.0, 1.0, -3.0], [0.0, 0.0, 2.0]]))
        >>> mean_matrix(rated).to_dense()
        tensor([[ 0.5000,  0.1250, -0.3750],
                [ 0.0000,  0.0000,  1.0000]])
        >>> mean_matrix(rated, edge_weights=False).to_dense()[1]
        tensor([0., 0., 1.])
    """
    weight = relation.weight if edge_weights and is_weighted(relation.weight) else None
    plain = CSR(relation.indptr, relation.indices, relation.num_cols, weight)
    mean = plain.normalized("row", absolute=True)
    return mean if mean.weight is None else mean.with_weight(mean.weight.float())
