"""SpMM and SDDMM without gradients: one signature for every backend.

Features are ``[rows, heads, dim]`` and values of entries ``[nnz, heads]``; the public operations in
``spmm.py`` and ``sddmm.py`` bring other shapes into this form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.ops._chunks import entries_within, entry_chunks
from hetgraph.ops._dispatch import backend_of, compute_dtype
from hetgraph.ops._sparse import add_segments, matmul, sparse_tensor

__all__ = ["by_head", "dot_heads", "sddmm_kernel", "spmm_kernel"]

_WORKSPACE = 2**21  # numbers in a gather buffer: 8 MiB of float32, the best of 2**17 to 2**22
_NEAR = 2**26  # bytes of features below which random access to rows is cheap


def spmm_kernel(csr: CSR, values: Tensor | None, x: Tensor, out: Tensor | None = None) -> Tensor:
    """Returns ``out[i, h] = sum_e values[e, h] * x[col(e), h]`` over the entries of row i.

    Args:
        csr: The pattern; its own weights are not used.
        values: ``[nnz]``, ``[nnz, heads]`` or ``None`` for ones.
        x: ``[num_cols, heads, dim]`` of any floating-point dtype.
        out: ``[num_rows, heads, dim]`` output of any floating-point dtype.

    Returns:
        ``out``, or a new tensor in the dtype of ``x``; sums are in float32 or float64.
    """
    if out is None:
        out = x.new_empty(csr.num_rows, *x.shape[1:])
    if out.numel() == 0:
        return out
    if backend_of(x) == "triton":
        from hetgraph.ops._triton_spmm import spmm_triton

        spmm_triton(csr, values, x, out)
        return out
    dtype = compute_dtype(x.dtype)
    direct = out.dtype == dtype and _is_matrix(out)
    result = out if direct else out.new_empty(out.shape, dtype=dtype)
    if values is not None:
        values = values.to(dtype)
    if values is not None and values.dim() == 2 and x.shape[1] > 1:
        _spmm_heads(csr, values, x, result)
    else:
        flat = None if values is None else values.reshape(csr.nnz)
        matmul(csr, flat, _flat(x.to(dtype)), _flat(result))
    if not direct:
        out.copy_(result)
    return out


def sddmm_kernel(csr: CSR, a: Tensor, b: Tensor) -> Tensor:
    """Returns ``<a[row(e), h], b[col(e), h]>`` for each entry and head.

    Args:
        csr: The pattern.
        a: ``[num_rows, heads, dim]``.
        b: ``[num_cols, heads, dim]``.

    Returns:
        ``[nnz, heads]`` float32 or float64.
    """
    backend = backend_of(a)
    if backend == "triton":
        from hetgraph.ops._triton_sddmm import sddmm_triton

        return sddmm_triton(csr, a, b)
    dtype, heads = compute_dtype(a.dtype), a.shape[1]
    values = a.new_empty(csr.nnz, heads, dtype=dtype)
    if values.numel() == 0 or a.shape[2] == 0:
        return values.zero_()
    if _sddmm_sampled_pays(csr, heads, b) and backend == "cpu":
        _sddmm_sampled(csr, a, b, values)
    else:
        _sddmm_gather(csr, _flat(a), _flat(b), values)
    return values


def by_head(x: Tensor) -> Tensor:
    """Makes each head contiguous where :func:`sddmm_kernel` would copy each of them.

    It pays for a tensor that many runs of rows are multiplied with.
    """
    heads, dim = x.shape[1:]
    if x.device.type != "cpu" or heads == 1 or dim < 8 or x.nbytes > _NEAR:
        return x
    return x.to(compute_dtype(x.dtype)).transpose(0, 1).contiguous().transpose(0, 1)


def dot_heads(product: Tensor, heads: int, out: Tensor) -> None:
    """Writes the sum of ``product`` (``[rows, heads * dim]``) over each head to ``out``."""
    dim = product.shape[1] // heads
    if heads <= 8:
        # A product with a 0/1 matrix: 25 ns per row of 8 x 16; `sum` 34 ns, `vecdot` 65 ns.
        eye = torch.eye(heads, dtype=product.dtype, device=product.device)
        torch.mm(product, eye.repeat_interleave(dim, 0), out=out)
    else:
        torch.sum(product.view(-1, heads, dim), -1, out=out)


def _spmm_heads(csr: CSR, values: Tensor, x: Tensor, out: Tensor) -> None:
    """One CSR product per head, or one gather of all heads and a segment sum.

    The products fetch a row of ``x`` once per head, the gather once. CPU time in ns per entry,
    product : gather, on 20 k x 30 k, 200 k entries and on 70 k x 1 M, 700 k entries:
    4 x 64: 79:239 and 201:344; 4 x 32: 58:125 and 138:158; 8 x 16: 72:115 and 200:158;
    16 x 8: 143:174 and 487:245. On 3 k x 1.9 k, 256 k entries 8 x 8: 39:162; 16 x 4 is the same.
    """
    heads, dim = x.shape[1:]
    if dim >= 32 or (dim >= 8 and x.nbytes <= _NEAR):
        by_head = values.t().contiguous()
        wide = x.to(out.dtype)
        for head in range(heads):
            matmul(csr, by_head[head], _unit_stride(wide[:, head]), out[:, head])
        return
    source, target = _flat(x), _flat(out).zero_()
    size = entries_within(_WORKSPACE, heads * dim, x.device)
    buffer = _buffer(min(size, csr.nnz), source)
    for chunk in entry_chunks(csr.indptr, size):
        columns = csr.indices[chunk.entries]
        rows = buffer[: columns.numel()]
        torch.index_select(source, 0, columns, out=rows)
        rows = rows.to(out.dtype)
        rows.view(-1, heads, dim).mul_(values[chunk.entries, :, None])
        add_segments(chunk.indptr, rows, target[chunk.rows])


def _sddmm_sampled_pays(csr: CSR, heads: int, b: Tensor) -> bool:
    """Whether one `sampled_addmm` per head, on contiguous columns, is faster than the gather.

    CPU time in ns per entry, sampled : gather, on the relations of :func:`_spmm_heads`, including
    the copy of the columns: 1 x 64: 23:109 and 82:113; 4 x 64: 129:381 and 1407:475 (1100 for the
    copies); 8 x 16: 125:182 and 734:240; 16 x 8: 268:242 and 1382:393. On 14 k x 8 k, 86 k entries
    8 x 8: 187:254; 4 x 8: 101:160.
    """
    dim = b.shape[2]
    if csr.nnz > csr.num_rows * csr.num_cols:
        return False  # many parallel entries: torch sizes the result by the dense shape
    if heads == 1:
        return True
    copied = not b[:, 0].is_contiguous()
    if copied and csr.nnz < 8 * csr.num_cols and (b.nbytes > _NEAR or csr.nnz < csr.num_cols):
        return False
    wide = dim >= 16 or (dim >= 8 and heads <= 8)
    return dim >= 64 or (wide and b.nbytes <= _NEAR)


def _sddmm_sampled(csr: CSR, a: Tensor, b: Tensor, out: Tensor) -> None:
    pattern = sparse_tensor(csr, None, out.dtype)
    for head in range(out.shape[1]):
        left, right = a[:, head].to(out.dtype), b[:, head].to(out.dtype)
        sampled = torch.sparse.sampled_addmm(
            pattern, left.contiguous(), right.contiguous().t(), beta=0.0
        )
        out[:, head] = sampled.values()


def _sddmm_gather(csr: CSR, a: Tensor, b: Tensor, out: Tensor) -> None:
    size = entries_within(_WORKSPACE, a.shape[1], a.device)
    left, right = (_buffer(min(size, csr.nnz), t) for t in (a, b))
    for chunk in entry_chunks(csr.indptr, size):
        columns = csr.indices[chunk.entries]
        count = columns.numel()
        torch.index_select(a, 0, csr.row_ids[chunk.entries], out=left[:count])
        torch.index_select(b, 0, columns, out=right[:count])
        product = right[:count].to(out.dtype).mul_(left[:count])
        dot_heads(product, out.shape[1], out[chunk.entries])


def _unit_stride(x: Tensor) -> Tensor:
    return x if x.stride(1) == 1 or x.shape[1] <= 1 else x.contiguous()


def _buffer(rows: int, like: Tensor) -> Tensor:
    return like.new_empty(rows, like.shape[1])


def _is_matrix(x: Tensor) -> bool:
    """Whether ``[rows, heads, dim]`` can be viewed as ``[rows, heads * dim]`` without a copy."""
    heads, dim = x.shape[1:]
    return (x.stride(2) == 1 or dim <= 1) and (x.stride(1) == dim or heads == 1)


def _flat(x: Tensor) -> Tensor:
    return _unit_stride(x.reshape(x.shape[0], -1) if x.numel() else x.new_empty(x.shape[0], 0))
