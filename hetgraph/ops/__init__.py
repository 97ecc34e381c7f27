"""Differentiable sparse kernels on CPU and CUDA; none allocates a [num_edges, dim] tensor."""

from __future__ import annotations

from hetgraph.ops.dropout import dropout
from hetgraph.ops.edge_attention import edge_attention
from hetgraph.ops.pagerank import pagerank
from hetgraph.ops.pair_sum import pair_sum
from hetgraph.ops.random_matrix import gaussian_matrix, projection_matrix, sign_matrix
from hetgraph.ops.random_projection import random_projection
from hetgraph.ops.sddmm import sddmm
from hetgraph.ops.segment_reduce import segment_reduce
from hetgraph.ops.segment_softmax import segment_logsumexp, segment_softmax
from hetgraph.ops.spgemm import spgemm
from hetgraph.ops.spmm import spmm
from hetgraph.ops.typed_linear import typed_linear
from hetgraph.ops.unit_rows import unit_rows

__all__ = [
    "dropout",
    "edge_attention",
    "gaussian_matrix",
    "pagerank",
    "pair_sum",
    "projection_matrix",
    "random_projection",
    "sddmm",
    "segment_logsumexp",
    "segment_reduce",
    "segment_softmax",
    "sign_matrix",
    "spgemm",
    "spmm",
    "typed_linear",
    "unit_rows",
]
