"""The encoder of a table: its columns side by side, as one matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, Self

import msgspec
import numpy as np
import pyarrow as pa
import scipy.sparse as sp
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import FileFormatError, UserError
from hetgraph.features.columns.base import (
    Array,
    Block,
    ColumnKind,
    Place,
    Read,
    bad_cell,
    first_row,
)
from hetgraph.features.columns.declared import Column, fit_column
from hetgraph.registry import columns as kinds

__all__ = ["TableEncoder"]

Layout = Literal["dense", "sparse", "codes"]

_NARROW = 64
"""A table of at most so many columns is dense."""
_DENSE = 0.25
"""A wider one is dense from this fraction of non-zeros on: an entry of CSR takes twice the bytes of
a number of a dense matrix, and its products are slower."""


@dataclass(frozen=True)
class TableEncoder:
    """The fitted encoders of the columns of a table.

    Args:
        columns: Name and encoder of each column.
        layout: ``"dense"``, ``"sparse"``, or ``"codes"`` of the only column.
        dtype: Floating-point dtype of the features.

    Example:
        >>> city = pa.array(["Rome", "Oslo", "Rome"])
        >>> table = {"price": pa.array([1.0, 3.0, None]), "city": city}
        >>> columns = [Column("price"), Column("city", "onehot")]
        >>> encoder, features = TableEncoder.fit(lambda name, _: table[name], columns)
        >>> encoder.names
        ['price', 'price (missing)', 'city=Oslo', 'city=Rome', 'city (other)', 'city (missing)']
        >>> features
        tensor([[-1.,  0.,  0.,  1.,  0.,  0.],
                [ 1.,  0.,  1.,  0.,  0.,  0.],
                [ 0.,  1.,  0.,  1.,  0.,  0.]])
        >>> new = {"price": pa.array([5.0]), "city": pa.array(["Lima"])}
        >>> TableEncoder.from_dict(encoder.to_dict()).encode(lambda name, _: new[name])
        tensor([[3., 0., 0., 0., 1., 0.]])
    """

    columns: tuple[tuple[str, ColumnKind], ...]
    layout: Layout
    dtype: str = "float32"

    @classmethod
    def fit(
        cls,
        read: Read,
        columns: Sequence[Column],
        *,
        where: str = "table",
        dtype: torch.dtype = torch.float32,
        dense: bool = False,
        failed: Callable[[UserError], None] | None = None,
    ) -> tuple[Self, Tensor | CSR]:
        """Fits the encoders of columns on all rows, and encodes them.

        The result is sparse if it has more than 64 columns and fewer than a quarter of its entries
        are not zero.

        Args:
            read: Returns a column by name.
            columns: The declared columns.
            where: Name of the table, for messages.
            dtype: Floating-point dtype of the features.
            dense: Whether the result must be dense, as features of edges are.
            failed: Gets the error of each column that cannot be encoded, which is left out;
                ``None``: the first error is raised.

        Returns:
            The encoder, and the features: ``[num_rows, dim]``, or ``[num_rows]`` codes.

        Raises:
            DataError: If a value cannot be encoded; naming table, column, row, value and cure.
            ConfigError: If an encoder or an option is unknown.
        """
        name = str(dtype).removeprefix("torch.")
        fitted: list[tuple[str, ColumnKind]] = []
        blocks: list[Block] = []
        for column in columns:
            place = Place(f"{where}, column {column.name!r}", 64 if dense else 1000)
            try:
                kind, values = fit_column(column, _plain(read), place)
                alone = len(columns) == 1 and not dense
                codes = kind.codes(values, place) if alone else None
                if codes is not None:
                    return cls(((column.name, kind),), "codes", name), torch.from_numpy(codes)
                blocks.append(_checked(kind.encode(values, place), dtype, place))
                fitted.append((column.name, kind))
            except UserError as error:
                if failed is None:
                    raise
                failed(error)
        layout: Layout = "sparse" if not dense and _is_sparse(blocks) else "dense"
        encoder = cls(tuple(fitted), layout, name)
        return encoder, encoder._join(blocks)

    def encode(
        self,
        read: Read,
        *,
        where: str = "table",
        tell: Callable[[str], None] | None = None,
    ) -> Tensor | CSR:
        """Returns the features of new rows, encoded as those of the rows that it was fitted on.

        Args:
            read: Returns a column by name.
            where: Name of the table, for messages.
            tell: Gets a line about each column with categories that were not there when fitted;
                ``None``: it is logged.

        Raises:
            DataError: As for :meth:`fit`.
        """
        blocks: list[Block] = []
        for name, kind in self.columns:
            place = Place(f"{where}, column {name!r}", new=True, tell=tell)
            values = _plain(read)(name, kind.as_written)
            if self.layout == "codes":
                codes = kind.codes(values, place)
                assert codes is not None
                return torch.from_numpy(codes)
            blocks.append(_checked(kind.encode(values, place), getattr(torch, self.dtype), place))
        return self._join(blocks)

    def _join(self, blocks: Sequence[Block]) -> Tensor | CSR:
        dtype: torch.dtype = getattr(torch, self.dtype)
        if self.layout == "sparse":
            return _sparse(blocks, dtype)
        dense = [b.toarray() if sp.issparse(b) else b for b in blocks]
        tensors = [torch.from_numpy(_writeable(block)).to(dtype) for block in dense]
        if not tensors:
            return torch.zeros(0, 0, dtype=dtype)
        return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim=1)

    @property
    def names(self) -> list[str]:
        """Names of the ``dim`` columns of the features; for codes, of the codes."""
        if self.layout == "codes":
            return self.columns[0][1].code_names(self.columns[0][0])
        return [name for column, kind in self.columns for name in kind.names(column)]

    @property
    def dim(self) -> int:
        """Number of columns of the features, or of codes."""
        if self.layout == "codes":
            return self.columns[0][1].num_codes
        return len(self.names)

    def describe(self) -> list[str]:
        """Returns one line per column: what is done with it.

        Example:
            >>> price = pa.array([1.0, 3.0, None])
            >>> TableEncoder.fit(lambda name, _: price, [Column("price")])[0].describe()
            ['price: number, 1 of 3 missing → median 2 + indicator, standard scale']
        """
        return [f"{column}: {kind.describe()}" for column, kind in self.columns]

    def to_dict(self) -> dict[str, Any]:
        """Returns the encoder as plain values, which JSON can hold.

        ``dim`` and, but for codes, ``names`` are those of the features.
        """
        columns = [
            {"column": column, "kind": kind.kind, **kind.to_dict()} for column, kind in self.columns
        ]
        # Codes may be as many as nodes.
        names = {} if self.layout == "codes" else {"names": self.names}
        head = {"layout": self.layout, "dtype": self.dtype, "dim": self.dim, **names}
        return {**head, "columns": columns}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Returns the encoder that :meth:`to_dict` wrote.

        Raises:
            FileFormatError: If the values are not those of an encoder.
        """
        try:
            head = msgspec.convert(dict(values), _Written)
            columns = tuple(_read_column(dict(column)) for column in head.columns)
        except (msgspec.ValidationError, KeyError, UserError) as error:
            raise FileFormatError(
                f"a saved encoder of columns is damaged ({error}); encode the table again."
            ) from error
        return cls(columns, head.layout, head.dtype)


class _Written(msgspec.Struct):
    layout: Layout
    dtype: Literal["float16", "bfloat16", "float32", "float64"]
    columns: list[dict[str, Any]]


def _read_column(values: dict[str, Any]) -> tuple[str, ColumnKind]:
    column, kind = str(values.pop("column")), kinds.get(str(values.pop("kind")))
    return column, msgspec.convert(values, kind)


def _plain(read: Read) -> Read:
    """Returns a reader whose texts all have one type."""

    def plain(name: str, written: bool) -> pa.Array:
        values = read(name, written)
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        return values.cast(pa.large_string()) if pa.types.is_string(values.type) else values

    return plain


def _checked(block: Block, dtype: torch.dtype, place: Place) -> Block:
    """Refuses numbers that the dtype cannot hold."""
    values: Array = block.data if sp.issparse(block) else block
    # Before the sum, which may be infinite though no entry is.
    largest = max(abs(float(values.max())), abs(float(values.min()))) if values.size else 0.0
    if largest > torch.finfo(dtype).max:
        dense = np.abs(block.toarray() if sp.issparse(block) else block)
        row = first_row((dense > torch.finfo(dtype).max).any(axis=1)) or 0
        name = str(dtype).removeprefix("torch.")
        raise bad_cell(
            place,
            row,
            f"{dense[row].max()} is too large for {name}; scale the column (scale: standard) or "
            "declare dtype: float64.",
        )
    return block


def _is_sparse(blocks: Sequence[Block]) -> bool:
    size = sum(block.shape[0] * block.shape[1] for block in blocks)
    if sum(block.shape[1] for block in blocks) <= _NARROW or not size:
        return False
    count = sum(b.nnz if sp.issparse(b) else np.count_nonzero(b) for b in blocks)
    return bool(count < _DENSE * size)


def _sparse(blocks: Sequence[Block], dtype: torch.dtype) -> CSR:
    runs = groupby(blocks, key=sp.issparse)
    # Stacking CSR matrices costs more than stacking dense ones, of which there may be many.
    parts = [
        part
        for is_sparse, run in runs
        for part in (run if is_sparse else [sp.csr_array(np.column_stack(list(run)))])
    ]
    matrix = sp.hstack(parts, format="csr")
    matrix.sort_indices()
    pattern = CSR.from_scipy(
        sp.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)
    )
    if bool((matrix.data == 1).all()):
        return pattern
    return pattern.with_weight(torch.from_numpy(matrix.data).to(dtype))


def _writeable(block: Array) -> Array:
    return block if block.flags.writeable else block.copy()
