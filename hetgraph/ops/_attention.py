"""Edge attention on CPU: scores, softmax and sum in blocks of rows that fit the cache."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from hetgraph.data.csr import CSR
from hetgraph.ops._chunks import entries_within, row_chunks
from hetgraph.ops._dispatch import compute_dtype, exact_precision
from hetgraph.ops._kernels import by_head, sddmm_kernel, spmm_kernel
from hetgraph.ops._sparse import add_segments, sub_matrix
from hetgraph.ops.segment_reduce import segment_sum
from hetgraph.ops.segment_softmax import softmax_rows_

__all__ = ["FusedAttention", "Operands", "ScoreForm"]

_WORKSPACE = 2**21  # numbers per run of entries: 8 MiB of float32


@dataclass(frozen=True)
class Operands:
    """The tensors of an attention layer; absent ones are ``None``.

    Args:
        value: ``[num_cols, heads, dim]``.
        query: ``[num_rows, heads, key_dim]``.
        key: ``[num_cols, heads, key_dim]``.
        row_score: ``[num_rows, heads]``.
        col_score: ``[num_cols, heads]``.
        edge_score: ``[nnz, heads]``.
    """

    value: Tensor
    query: Tensor | None = None
    key: Tensor | None = None
    row_score: Tensor | None = None
    col_score: Tensor | None = None
    edge_score: Tensor | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the sums."""
        return compute_dtype(self.value.dtype)

    def tensors(self) -> tuple[Tensor | None, ...]:
        """Returns the tensors in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class ScoreForm:
    """Constants of the score ``scale * <q, k> + leaky_relu(row + col + edge)``."""

    scale: float
    negative_slope: float


class FusedAttention(Function):
    """Softmax attention that stores one number per row and head between forward and backward.

    Forward, per run of rows: scores ``[entries, heads]``, softmax, product; only the log-sum-exp of
    each row is stored. Backward, per run of rows of the transpose: the weights are recomputed from
    the scores, then the gradients of all column tensors. The gradients of row tensors (query, row
    scores) are sums over the score gradients, the only ``[nnz, heads]`` tensor of the pass.
    """

    @staticmethod
    def forward(
        ctx: Any, csr: CSR, form: ScoreForm, *tensors: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        given = Operands(*tensors)  # type: ignore[arg-type]
        heads, dim = given.value.shape[1:]
        out = given.value.new_empty(csr.num_rows, heads, dim, dtype=given.dtype)
        lse = out.new_empty(csr.num_rows, heads)
        tiny = torch.finfo(out.dtype).tiny
        key = None if given.key is None else by_head(given.key)
        for chunk in row_chunks(csr.indptr, entries_within(_WORKSPACE, heads, out.device)):
            run, rows = sub_matrix(csr, chunk), chunk.rows
            edge = None if given.edge_score is None else given.edge_score[chunk.entries]
            scores, _ = _scores(
                run, form, _at(given.query, rows), key,
                _at(given.row_score, rows), given.col_score, edge,
            )  # fmt: skip
            top, total = softmax_rows_(chunk.indptr, run.row_ids, scores)
            total.clamp_(min=tiny)  # a row without entries: 0 / tiny
            spmm_kernel(run, scores, given.value, out[rows])
            out[rows] /= total.unsqueeze(-1)
            lse[rows] = total.log_().add_(top)
        empty = (csr.indptr[1:] == csr.indptr[:-1]).unsqueeze(-1)
        lse.masked_fill_(empty, -torch.inf)
        ctx.csr, ctx.form = csr, form
        ctx.save_for_backward(*tensors, out, lse)
        return out.to(given.value.dtype), lse

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_lse: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, out, lse = ctx.saved_tensors
        given = Operands(*tensors)
        wanted = Operands(*ctx.needs_input_grad[2:])
        with exact_precision(grad.device):
            # d loss / d score = weight * (<grad, value> - shift of the row)
            shift = (grad.to(out.dtype) * out).sum(-1).sub_(grad_lse)
            query = None if given.query is None else by_head(given.query)
            columns = _ColumnPass(
                ctx.csr, ctx.form, given, wanted, query, by_head(grad), lse, shift
            )
            grads = columns.run()
        return None, None, *grads.tensors()


@dataclass
class _ColumnPass:
    """The backward pass, in runs of rows of the transpose."""

    csr: CSR
    form: ScoreForm
    given: Operands
    wanted: Operands
    query: Tensor | None
    grad: Tensor
    lse: Tensor
    shift: Tensor

    def run(self) -> Operands:
        """Returns the gradient of each wanted operand."""
        csr, given, wanted = self.csr, self.given, self.wanted
        back, perm, heads = csr.transpose, csr.transpose_perm, self.lse.shape[1]
        dot_grad = pre_grad = None  # score gradients in the order of the entries
        if wanted.query:
            dot_grad = self.lse.new_empty(csr.nnz, heads)
        if wanted.row_score or wanted.edge_score:
            pre_grad = self.lse.new_empty(csr.nnz, heads)
        value = _like(given.value) if wanted.value else None
        key = _like(given.key) if wanted.key else None
        col = _like(given.col_score) if wanted.col_score else None
        for chunk in row_chunks(back.indptr, entries_within(_WORKSPACE, heads, csr.device)):
            run, rows, entries = sub_matrix(back, chunk), chunk.rows, perm[chunk.entries]
            weights, dot, pre = self._score_grad(run, rows, entries)
            if value is not None:
                spmm_kernel(run, weights, self.grad, value[rows])
            if key is not None and self.query is not None:
                spmm_kernel(run, dot * self.form.scale, self.query, key[rows])
            if col is not None:
                total = pre.new_zeros(run.num_rows, heads)
                add_segments(chunk.indptr, pre, total)
                col[rows] = total.to(col.dtype)
            if dot_grad is not None:
                dot_grad.index_copy_(0, entries, dot)
            if pre_grad is not None:
                pre_grad.index_copy_(0, entries, pre)
        query = row = edge = None
        if dot_grad is not None and given.query is not None and given.key is not None:
            query = spmm_kernel(csr, dot_grad.mul_(self.form.scale), given.key)
        if pre_grad is not None and given.row_score is not None and wanted.row_score:
            row = segment_sum(csr.indptr, pre_grad).to(given.row_score.dtype)
        if pre_grad is not None and given.edge_score is not None and wanted.edge_score:
            edge = pre_grad.to(given.edge_score.dtype)
        return Operands(value, query, key, row, col, edge)  # type: ignore[arg-type]

    def _score_grad(self, run: CSR, rows: slice, entries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the weights and the gradients of the score and of the input of the leaky ReLU."""
        given = self.given
        edge = None if given.edge_score is None else given.edge_score.index_select(0, entries)
        scores, pre = _scores(
            run, self.form, _at(given.key, rows), self.query,
            _at(given.col_score, rows), given.row_score, edge,
        )  # fmt: skip
        weights = scores.sub_(self.lse.index_select(0, run.indices)).exp_()
        dot = sddmm_kernel(run, given.value[rows], self.grad)
        dot.sub_(self.shift.index_select(0, run.indices)).mul_(weights)
        if pre is None:
            return weights, dot, dot
        pre_grad = torch.ops.aten.leaky_relu_backward(dot, pre, self.form.negative_slope, False)
        return weights, dot, pre_grad


def _scores(
    run: CSR,
    form: ScoreForm,
    near: Tensor | None,
    far: Tensor | None,
    near_score: Tensor | None,
    far_score: Tensor | None,
    edge: Tensor | None,
) -> tuple[Tensor, Tensor | None]:
    """Returns the scores of a run and the input of the leaky ReLU, both ``[entries, heads]``.

    ``near`` tensors have one row per row of ``run``, ``far`` tensors one per column: query and key
    in the forward pass, key and query in the backward pass on the transpose.
    """
    pre = None
    for score, index in ((near_score, run.row_ids), (far_score, run.indices)):
        if score is not None:
            picked = score.index_select(0, index)
            pre = picked if pre is None else pre.add_(picked)
    if edge is not None:
        pre = edge.clone() if pre is None else pre.add_(edge)
    added = None if pre is None else F.leaky_relu(pre, form.negative_slope)
    if near is None or far is None:
        assert added is not None  # edge_attention() checked that there is a score
        return added, pre
    scores = sddmm_kernel(run, near, far).mul_(form.scale)
    return (scores if added is None else scores.add_(added)), pre


def _like(tensor: Tensor | None) -> Tensor | None:
    if tensor is None:
        return None
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)


def _at(tensor: Tensor | None, rows: slice) -> Tensor | None:
    return None if tensor is None else tensor[rows]
