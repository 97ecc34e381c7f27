"""The sparse matrix under every relation: a frozen CSR with a cached transpose."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from hetgraph.data.entries import (
    INT32_LIMIT,
    check_length,
    check_pattern,
    check_sign,
    check_weight,
    checked_shape,
    index_array,
    offsets,
    scaled_weight,
    sort_entries,
)
from hetgraph.errors import DataError

__all__ = ["CSR", "Normalization"]

Normalization = Literal["row", "col", "sym"]


@dataclass(frozen=True, eq=False, repr=False)
class CSR:
    """A sparse matrix in compressed-row form; duplicate (parallel) entries are allowed.

    The entries of a row are sorted by column; parallel entries keep their input order. Nothing is
    modified in place, so the transpose is computed once and shared.

    Args:
        indptr: ``[num_rows + 1]`` offsets, int32 or int64.
        indices: ``[nnz]`` column of each entry, same dtype as ``indptr``.
        num_cols: Number of columns.
        weight: ``[nnz]`` floating-point values; ``None`` means all ones.

    Example:
        >>> matrix = CSR.from_coo(torch.tensor([0, 1, 1]), torch.tensor([2, 0, 2]), (2, 3))
        >>> matrix
        CSR(2 x 3, 3)
        >>> matrix.normalized("row").to_dense()
        tensor([[0.0000, 0.0000, 1.0000],
                [0.5000, 0.0000, 0.5000]])
    """

    indptr: Tensor
    indices: Tensor
    num_cols: int
    weight: Tensor | None = None
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, kw_only=True)

    # ---------------------------------------------------------------- construction

    @classmethod
    def from_coo(
        cls,
        rows: Tensor | np.ndarray[Any, Any],
        cols: Tensor | np.ndarray[Any, Any],
        shape: tuple[int, int],
        weight: Tensor | np.ndarray[Any, Any] | None = None,
    ) -> Self:
        """Builds the matrix from coordinates (COO), in O(nnz + num_rows + num_cols).

        Args:
            rows: ``[nnz]`` row of each entry, any integer dtype.
            cols: ``[nnz]`` column of each entry.
            shape: ``(num_rows, num_cols)``.
            weight: ``[nnz]`` values in the order of ``rows``.

        Raises:
            DataError: If lengths differ, ids are not integers or lie outside the shape.
        """
        csr, perm = cls.from_coo_with_perm(rows, cols, shape)
        if weight is None:
            return csr
        values = torch.as_tensor(weight)
        check_length(values, perm.numel())
        return csr.with_weight(values[perm])

    @classmethod
    def from_coo_with_perm(
        cls,
        rows: Tensor | np.ndarray[Any, Any],
        cols: Tensor | np.ndarray[Any, Any],
        shape: tuple[int, int],
    ) -> tuple[Self, Tensor]:
        """Builds the pattern and returns the permutation that sorted it.

        Returns:
            The matrix and ``perm`` (``[nnz]``, dtype of the indices): entry ``e`` of the matrix is
            input entry ``perm[e]``.

        Raises:
            DataError: As for :meth:`from_coo`.
        """
        row_ids, col_ids = index_array(rows, "rows"), index_array(cols, "cols")
        if row_ids.size != col_ids.size:
            raise DataError(f"rows has {row_ids.size} entries and cols has {col_ids.size}.")
        shape = checked_shape(shape)
        for name, ids, bound in zip(("row", "column"), (row_ids, col_ids), shape, strict=True):
            if ids.size and (ids.min() < 0 or ids.max() >= bound):
                bad = int(ids.min()) if ids.min() < 0 else int(ids.max())
                raise DataError(f"{name} {bad} is outside 0..{bound - 1}.")
        indptr, indices, perm = map(torch.from_numpy, sort_entries(row_ids, col_ids, shape))
        return cls(indptr, indices, shape[1]), perm

    @classmethod
    def from_scipy(cls, matrix: Any) -> Self:
        """Builds the matrix from any scipy sparse matrix; values that are all 1 are dropped."""
        csr = sp.csr_array(matrix)
        csr.sort_indices()
        fits = max(*csr.shape, csr.nnz) <= INT32_LIMIT
        dtype = np.int32 if fits else np.int64
        data = csr.data
        ones = data.dtype == np.bool_ or bool((data == 1).all())
        values = None if ones else torch.from_numpy(np.asarray(data, dtype=np.float32))
        indptr = torch.from_numpy(csr.indptr.astype(dtype))
        indices = torch.from_numpy(csr.indices.astype(dtype))
        return cls(indptr, indices, int(csr.shape[1]), values)

    @classmethod
    def from_dense(cls, matrix: Tensor) -> Self:
        """Builds the matrix from the non-zeros of a dense ``[num_rows, num_cols]`` tensor."""
        rows, cols = matrix.nonzero(as_tuple=True)
        values = matrix[rows, cols]
        weight = None if bool((values == 1).all()) else values.to(torch.float32)
        return cls.from_coo(rows, cols, (matrix.shape[0], matrix.shape[1]), weight)

    # ------------------------------------------------------------------ properties

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return self.indptr.numel() - 1

    @property
    def nnz(self) -> int:
        """Number of stored entries, parallel ones included."""
        return self.indices.numel()

    @property
    def shape(self) -> tuple[int, int]:
        """``(num_rows, num_cols)``."""
        return self.num_rows, self.num_cols

    @property
    def device(self) -> torch.device:
        """Device of the index tensors."""
        return self.indices.device

    @property
    def nbytes(self) -> int:
        """Bytes of the stored tensors, without caches."""
        return sum(tensor.nbytes for tensor in self._tensors().values())

    @cached_property
    def degree(self) -> Tensor:
        """``[num_rows]`` int64 number of entries per row."""
        return (self.indptr[1:] - self.indptr[:-1]).long()

    @cached_property
    def row_ids(self) -> Tensor:
        """``[nnz]`` int64 row of each entry."""
        return torch.repeat_interleave(self.degree, output_size=self.nnz)

    @property
    def transpose(self) -> Self:
        """The transposed matrix, computed once in O(nnz); its own transpose is this object."""
        if "transpose" not in self._cache:
            self._build_transpose()
        transposed: Self = self._cache["transpose"]
        return transposed

    @property
    def transpose_perm(self) -> Tensor:
        """``[nnz]`` int64: entry ``e`` of the transpose is entry ``transpose_perm[e]`` here."""
        if "transpose_perm" not in self._cache:
            self._cache["transpose_perm"] = self._find_transpose_perm()
        perm: Tensor = self._cache["transpose_perm"]
        return perm

    # ---------------------------------------------------------------- new matrices

    def with_weight(self, weight: Tensor | None) -> Self:
        """Returns the same pattern with new weights (``None``: all ones)."""
        if weight is not None:
            check_length(weight, self.nnz)
        return replace(self, weight=weight, _cache={})

    def normalized(
        self, kind: Normalization = "row", *, absolute: bool = False, name: str = "matrix"
    ) -> Self:
        """Returns the matrix normalised by row sums, column sums or both.

        Args:
            kind: ``"row"`` is D_r⁻¹A (the mean over the entries of a row), ``"col"`` is A D_c⁻¹,
                ``"sym"`` is D_r^-½ A D_c^-½. Rows and columns that sum to zero become zero.
            absolute: Divide by sums of absolute weights; otherwise negative ones are refused.
            name: What the matrix is called in errors.

        Raises:
            ConfigError: If ``kind`` is unknown.
            DataError: If a weight is negative and ``absolute`` is not set.
        """
        if not absolute:
            cure = "or divide by absolute sums: normalized(..., absolute=True)"
            check_sign(self.weight, *self.coo(), name, cure)
        value = self.weight if self.weight is not None else self._ones()
        return self.with_weight(scaled_weight(value, *self.coo(), self.shape, kind))

    def coalesced(self, values: Literal["sum", "binary"] = "sum") -> Self:
        """Merges parallel entries: ``"sum"`` adds their weights, ``"binary"`` drops them."""
        key = self.row_ids * self.num_cols + self.indices.long()
        unique, inverse = torch.unique_consecutive(key, return_inverse=True)
        weight = None
        if values == "sum" and (unique.numel() < self.nnz or self.weight is not None):
            source = self.weight if self.weight is not None else self._ones()
            weight = source.new_zeros(unique.numel()).index_add_(0, inverse, source)
        rows, cols = unique // max(self.num_cols, 1), unique % max(self.num_cols, 1)
        counts = torch.bincount(rows, minlength=self.num_rows)
        return replace(
            self,
            indptr=offsets(counts).to(self.indptr.dtype),
            indices=cols.to(self.indices.dtype),
            weight=weight,
            _cache={},
        )

    def rows(self, index: Tensor) -> Self:
        """Returns the given rows, in the given order; O(entries of these rows)."""
        index = index.to(self.device).long()
        start, degree = self.indptr[index].long(), self.degree[index]
        indptr = offsets(degree)
        entry = torch.arange(int(indptr[-1]), device=self.device)
        entry += torch.repeat_interleave(start - indptr[:-1], degree, output_size=entry.numel())
        picked: dict[str, Any] = {
            name: value[entry]
            for name, value in self._tensors().items()
            if name not in ("indptr", "indices")
        }
        return replace(
            self,
            indptr=indptr.to(self.indptr.dtype),
            indices=self.indices[entry],
            _cache={},
            **picked,
        )

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Returns the matrix on ``device``, or itself if it is already there."""
        if torch.device(device) == self.device:
            return self
        moved: dict[str, Any] = {
            k: v.to(device, non_blocking=non_blocking) for k, v in self._tensors().items()
        }
        return replace(self, _cache={}, **moved)

    def pin_memory(self) -> Self:
        """Returns the matrix in page-locked memory."""
        pinned: dict[str, Any] = {k: v.pin_memory() for k, v in self._tensors().items()}
        return replace(self, _cache={}, **pinned)

    # ------------------------------------------------------------------ other forms

    def coo(self) -> tuple[Tensor, Tensor]:
        """Returns int64 ``(rows, cols)``, each ``[nnz]``."""
        return self.row_ids, self.indices.long()

    def to_scipy(self, dtype: Any = np.float32) -> sp.csr_array:
        """Returns a scipy matrix on the same index memory; parallel entries are not merged."""
        if self.weight is None:
            data = np.ones(self.nnz, dtype=dtype)
        else:
            data = self.weight.detach().cpu().numpy().astype(dtype, copy=False)
        arrays = (data, self.indices.cpu().numpy(), self.indptr.cpu().numpy())
        return sp.csr_array(arrays, shape=self.shape)

    def to_dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns the dense ``[num_rows, num_cols]`` tensor; parallel entries are added."""
        dense = torch.zeros(self.num_rows * self.num_cols, dtype=dtype, device=self.device)
        value = self._ones() if self.weight is None else self.weight
        dense.index_add_(0, self.row_ids * self.num_cols + self.indices.long(), value.to(dtype))
        return dense.view(self.num_rows, self.num_cols)

    def validate(self, name: str = "matrix") -> None:
        """Checks dtypes, offsets, ranges and values.

        Raises:
            DataError: Naming ``name``, the value found and the one expected.
        """
        check_pattern(self.indptr, self.indices, self.num_cols, name)
        if self.weight is not None:
            check_weight(self.weight, self.nnz, name)

    def __repr__(self) -> str:
        weighted = "" if self.weight is None else ", weighted"
        return f"{type(self).__name__}({self.num_rows} x {self.num_cols}, {self.nnz:,}{weighted})"

    # -------------------------------------------------------------------- internals

    def _tensors(self) -> dict[str, Tensor]:
        """All stored tensors by field name; subclasses add theirs."""
        tensors = {"indptr": self.indptr, "indices": self.indices}
        if self.weight is not None:
            tensors["weight"] = self.weight
        return tensors

    def _ones(self) -> Tensor:
        return torch.ones(self.nnz, dtype=torch.float32, device=self.device)

    def _build_transpose(self) -> None:
        values = {k: v for k, v in self._tensors().items() if k not in ("indptr", "indices")}
        # Without values nothing has to be permuted, so one byte per entry is carried instead.
        grouped = self._by_column(np.arange(self.nnz) if values else np.ones(self.nnz, np.int8))
        if values:
            perm = torch.from_numpy(grouped.data).to(self.device)
            self._cache["transpose_perm"] = perm
            values = {name: value[perm] for name, value in values.items()}
        transposed = replace(
            self,
            indptr=torch.from_numpy(grouped.indptr).to(self.indptr),
            indices=torch.from_numpy(grouped.indices).to(self.indices),
            num_cols=self.num_rows,
            _cache={},
            **values,
        )
        transposed._cache.update(transpose=self, is_built=True)
        self._cache["transpose"] = transposed

    def _by_column(self, carried: np.ndarray[Any, Any]) -> sp.csc_array:
        """Returns the pattern as CSC with ``carried`` as its values, in O(nnz)."""
        arrays = (carried, self.indices.cpu().numpy(), self.indptr.cpu().numpy())
        return sp.csr_array(arrays, shape=self.shape).tocsc()

    def _find_transpose_perm(self) -> Tensor:
        if self._cache.get("is_built"):  # Built from its transpose: invert that permutation.
            forward = self.transpose.transpose_perm
            inverse = torch.empty_like(forward)
            inverse[forward] = torch.arange(self.nnz, device=self.device)
            return inverse
        return torch.from_numpy(self._by_column(np.arange(self.nnz)).data).to(self.device)
