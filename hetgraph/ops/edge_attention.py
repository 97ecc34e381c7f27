"""Multi-head attention over the entries of a sparse matrix, dot-product or additive."""

from __future__ import annotations

import math
from typing import Literal, overload

from torch import Tensor
from torch.nn import functional as F

from hetgraph.data.csr import CSR
from hetgraph.errors import DataError
from hetgraph.ops._attention import FusedAttention, Operands, ScoreForm
from hetgraph.ops._checks import check_features
from hetgraph.ops._dispatch import apply, backend_of, compute_dtype, exact_precision
from hetgraph.ops.pair_sum import pair_sum
from hetgraph.ops.sddmm import sddmm
from hetgraph.ops.segment_softmax import segment_logsumexp, segment_softmax
from hetgraph.ops.spmm import spmm

__all__ = ["edge_attention"]


@overload
def edge_attention(
    csr: CSR,
    query: Tensor | None,
    key: Tensor | None,
    value: Tensor,
    *,
    row_score: Tensor | None = ...,
    col_score: Tensor | None = ...,
    edge_score: Tensor | None = ...,
    negative_slope: float = ...,
    scale: float | None = ...,
    return_logsumexp: Literal[False] = ...,
) -> Tensor: ...
@overload
def edge_attention(
    csr: CSR,
    query: Tensor | None,
    key: Tensor | None,
    value: Tensor,
    *,
    row_score: Tensor | None = ...,
    col_score: Tensor | None = ...,
    edge_score: Tensor | None = ...,
    negative_slope: float = ...,
    scale: float | None = ...,
    return_logsumexp: Literal[True],
) -> tuple[Tensor, Tensor]: ...
def edge_attention(
    csr: CSR,
    query: Tensor | None,
    key: Tensor | None,
    value: Tensor,
    *,
    row_score: Tensor | None = None,
    col_score: Tensor | None = None,
    edge_score: Tensor | None = None,
    negative_slope: float = 0.2,
    scale: float | None = None,
    return_logsumexp: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Returns for each row the mean of its columns' values, weighted by a softmax of scores.

    The score of entry ``e = (i, j)`` is ``scale * <query_i, key_j>`` (transformer, HGT) plus
    ``leaky_relu(row_score_i + col_score_j + edge_score_e)`` (GAT, HAN, Simple-HGN); either term may
    be omitted. Weights of ``csr`` are ignored.

    O(nnz * heads * dim) time. On CPU the attention weights are never stored: forward stores the
    log-sum-exp (``[num_rows, heads]``), backward recomputes them, in runs of rows that fit the
    cache. The largest extra tensor is one ``[nnz, heads]`` in the backward pass of query, row and
    edge scores. On CUDA a chain of kernels stores the ``[nnz, heads]`` weights.

    Args:
        csr: ``[num_rows, num_cols]`` pattern; parallel entries are separate.
        query: ``[num_rows, heads, key_dim]`` or ``None``.
        key: ``[num_cols, heads, key_dim]`` or ``None``.
        value: ``[num_cols, heads, dim]``.
        row_score: ``[num_rows, heads]``.
        col_score: ``[num_cols, heads]``.
        edge_score: ``[nnz, heads]``.
        negative_slope: Slope of the leaky ReLU on the additive scores; 1.0 makes it the identity.
        scale: Factor of the dot product; default ``key_dim ** -0.5``.
        return_logsumexp: Whether to return ``log sum_e exp(score_e)`` of each row, too (minus
            infinity for empty rows). A softmax over several relations then needs no joint edge
            list: weight the results by the ``softmax`` of their log-sum-exps.

    Returns:
        ``[num_rows, heads, dim]`` in the dtype of ``value``; zeros for empty rows. With
        ``return_logsumexp`` also ``[num_rows, heads]`` in float32 or float64.

    Raises:
        DataError: If no score is given, or shapes, dtypes or devices do not match.

    Example:
        >>> import torch
        >>> matrix = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 1]), (1, 2))
        >>> value = torch.tensor([[[1.0]], [[3.0]]])
        >>> edge_attention(matrix, None, None, value, col_score=torch.zeros(2, 1))
        tensor([[[2.]]])
    """
    given = Operands(value, query, key, row_score, col_score, edge_score)
    _check(csr, given)
    if query is not None and scale is None:
        scale = 1.0 / math.sqrt(max(query.shape[2], 1))
    form = ScoreForm(1.0 if scale is None else scale, negative_slope)
    if backend_of(value) == "triton":
        out, lse = _chained(csr, form, given, return_logsumexp)
    else:
        dtype = compute_dtype(value.dtype)
        scores = (None if s is None else s.to(dtype) for s in (row_score, col_score, edge_score))
        with exact_precision(value.device):
            out, lse = apply(FusedAttention, csr, form, value, query, key, *scores)
    return (out, lse) if return_logsumexp else out


def _check(csr: CSR, given: Operands) -> None:
    value, query, key = given.value, given.query, given.key
    check_features("value", value, csr.num_cols, csr)
    if value.dim() != 3:
        raise DataError(f"value has shape {list(value.shape)}, expected [num_cols, heads, dim].")
    if (query is None) != (key is None):
        raise DataError("query without key, or key without query; pass both or neither.")
    if all(tensor is None for tensor in given.tensors()[1:]):
        raise DataError(
            "no score is given; pass query and key, row_score, col_score or edge_score."
        )
    heads = value.shape[1]
    for name, tensor, rows, dims in (
        ("query", query, csr.num_rows, 3),
        ("key", key, csr.num_cols, 3),
        ("row_score", given.row_score, csr.num_rows, 2),
        ("col_score", given.col_score, csr.num_cols, 2),
        ("edge_score", given.edge_score, csr.nnz, 2),
    ):
        if tensor is None:
            continue
        check_features(name, tensor, rows, csr)
        if tensor.dim() != dims or tensor.shape[1] != heads:
            shape = "heads" if dims == 2 else "heads, key_dim"
            raise DataError(
                f"{name} has shape {list(tensor.shape)}, expected [{rows}, {shape}] with the "
                f"{heads} heads of value."
            )
    if query is not None and key is not None and query.shape[2] != key.shape[2]:
        raise DataError(
            f"query has dim {query.shape[2]} and key has dim {key.shape[2]}; they must be equal."
        )


def _chained(csr: CSR, form: ScoreForm, given: Operands, with_lse: bool) -> tuple[Tensor, Tensor]:
    """The attention as a chain of differentiable operations, for backends with own kernels."""
    scores: Tensor | None = None
    if given.row_score is not None or given.col_score is not None or given.edge_score is not None:
        pre = given.edge_score
        if given.row_score is not None or given.col_score is not None:
            added = pair_sum(csr, given.row_score, given.col_score)
            pre = added if pre is None else pre + added
        assert pre is not None  # one of the three is there
        scores = F.leaky_relu(pre, form.negative_slope)
    if given.query is not None and given.key is not None:
        dots = sddmm(csr, given.query, given.key) * form.scale
        scores = dots if scores is None else scores + dots
    assert scores is not None  # _check() saw one
    out = spmm(csr, given.value, segment_softmax(csr.indptr, scores))
    if not with_lse:
        return out, out.new_empty(0)
    return out, segment_logsumexp(csr.indptr, scores)
