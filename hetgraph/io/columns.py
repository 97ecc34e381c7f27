"""Columns of numbers as tensors, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog.targets.base import Table
from hetgraph.data.csr import CSR
from hetgraph.errors import ConfigError, DataError
from hetgraph.features.columns import Column, TableEncoder, as_columns
from hetgraph.io.declare import NodeTable
from hetgraph.io.ids import missing_row, show
from hetgraph.io.problems import Problems
from hetgraph.io.sources import Source
from hetgraph.io.values import parsed_times

__all__ = [
    "dense_columns",
    "encode_features",
    "node_features",
    "sparse_column",
    "sparse_to_column",
    "tensor_to_column",
    "text_column",
    "times",
    "torch_dtype",
    "weights",
]

Array = np.ndarray[Any, Any]


def torch_dtype(name: str) -> torch.dtype:
    """Returns the floating-point dtype with a name such as ``"float32"``."""
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ConfigError(f"dtype {name!r} is unknown; expected 'float32', 'float64' or 'float16'.")
    return dtype


def weights(source: Source, name: str, dtype: str) -> Tensor:
    """Returns a column of edge weights ``[num_rows]``.

    Raises:
        DataError: If a weight is missing, infinite or not a number.
    """
    column, where = source.column(name), _where(source, name)
    if pa.types.is_large_string(column.type):
        odd = next((row for row, text in enumerate(column) if not _is_float(text.as_py())), 0)
        raise DataError(
            f"{where}, row {odd} (from 0): {show(column, odd)} is not a number; expected a number "
            "as the weight of every edge."
        )
    row = missing_row(column)
    if row is not None:
        raise DataError(
            f"{where}, row {row} (from 0): the weight is missing; fill it in, or declare the "
            "column as a feature: missing features are filled."
        )
    weight = dense_columns(source, [name], dtype)
    if weight.shape[1] != 1:
        raise DataError(f"{where} holds lists; expected a number per edge.")
    return weight[:, 0]


def _is_float(text: str | None) -> bool:
    try:
        float(text or 0)
    except ValueError:
        return False
    return True


def dense_columns(source: Source, names: Sequence[str], dtype: str) -> Tensor:
    """Returns columns side by side as ``[num_rows, dim]``, as they are.

    A column of numbers or booleans gives one feature; a column of lists of equal length, such as
    embeddings, gives one feature per element.

    Raises:
        DataError: Naming the table, the column and the row of a missing, infinite or non-numeric
            value.
    """
    target = torch_dtype(dtype)
    if isinstance(names, str):
        names = [names]
    blocks = [_numeric(source, name).to(target) for name in names]
    if len(blocks) == 1:
        return blocks[0]
    return torch.cat(blocks, dim=1) if blocks else torch.zeros(source.num_rows, 0, dtype=target)


def encode_features(
    source: Source,
    declared: Any,
    dtype: str,
    known: Mapping[str, Any] | None = None,
    *,
    dense: bool = False,
    tell: Callable[[str], None] | None = None,
) -> tuple[Tensor | CSR, dict[str, Any]]:
    """Returns columns as features, and the state of their encoders.

    Args:
        source: The table.
        declared: The columns, see :func:`hetgraph.features.columns.as_columns`; may be empty if
            ``known`` is given.
        dtype: Floating-point dtype of the features.
        known: State of encoders that were fitted before; ``None``: they are fitted on this table.
        dense: Whether the features must be dense, as those of edges are.
        tell: Gets a line about each column with categories that ``known`` has not seen; ``None``:
            it is logged.

    Raises:
        DataError: Naming table, column, row, value and cure; or all columns that ``known`` reads
            and the table lacks.
        ProblemsError: If several columns cannot be encoded.
        ConfigError: If the declaration does not match ``known``, or an option is unknown.
    """
    columns = as_columns(declared, source.label)
    read = _reader(source)
    if known is None:
        problems = Problems()
        encoder, features = TableEncoder.fit(
            read,
            columns,
            where=source.label,
            dtype=torch_dtype(dtype),
            dense=dense,
            failed=problems.add,
        )
        problems.check()
        return features, encoder.to_dict()
    encoder = TableEncoder.from_dict(known)
    names = [name for name, _ in encoder.columns]
    if columns and sorted(names) != sorted(column.name for column in columns):
        raise ConfigError(
            f"{source.label} declares the features {', '.join(c.name for c in columns)}, but its "
            f"encoder was fitted on {', '.join(names)}; declare these, or fit without encoders."
        )
    source.check_all(names, "which its encoders read")
    return encoder.encode(read, where=source.label, tell=tell), dict(known)


def node_features(
    source: Source,
    table: NodeTable,
    encoder: Mapping[str, Any] | None,
    tell: Callable[[str], None] | None = None,
) -> tuple[Tensor | CSR | None, dict[str, Any] | None]:
    """Returns the features of a node table, and the state of their encoders."""
    declared = {"features": table.features, "sparse": table.sparse, "category": table.category}
    given = [key for key, value in declared.items() if value]
    if len(given) > 1:
        raise ConfigError(
            f"{source.label} declares {' and '.join(given)}; a node type has one kind of features. "
            "Declare all columns in features, such as {year: number, city: onehot, words: bag}."
        )
    if table.sparse:
        return sparse_column(source, table.sparse, table.sparse_dim, table.dtype), None
    columns = [_category(source, table.category)] if table.category else table.features
    if not columns and encoder is None:
        return None, None
    return encode_features(source, columns, table.dtype, encoder, tell=tell)


def _category(source: Source, name: str) -> Column:
    """Returns the column of ``category: name``: integers are codes, others get codes."""
    kind = source.column(name).type
    codes = pa.types.is_integer(kind) or (pa.types.is_null(kind) and not source.num_rows)
    return Column(name, "codes" if codes else "embedding")


def _reader(source: Source) -> Callable[[str, bool], pa.Array]:
    last: dict[tuple[str, bool], pa.Array] = {}

    def read(name: str, written: bool) -> pa.Array:
        key = (name, written and source.is_text_file)
        if key not in last:
            last.clear()  # One column at a time: a file is read once per column.
            last[key] = source.written(name) if key[1] else source.column(name)
        return last[key]

    return read


def sparse_column(source: Source, name: str, dim: int | None, dtype: str) -> CSR:
    """Returns a column of maps ``{feature: value}`` as a ``[num_rows, dim]`` matrix.

    Args:
        source: The table.
        name: A column of Arrow maps from integers to numbers.
        dim: Number of columns; ``None``: one more than the largest feature.
        dtype: Floating-point dtype of the values.
    """
    column, where = source.column(name), _where(source, name)
    if not pa.types.is_map(column.type):
        raise DataError(f"{where} holds {column.type}; expected Arrow maps from integer to number.")
    row = missing_row(column)
    if row is not None:
        raise DataError(f"{where}, row {row} (from 0): missing; use an empty map.")
    offsets = column.offsets.to_numpy()
    span = slice(int(offsets[0]), int(offsets[-1])) if offsets.size else slice(0, 0)
    keys = column.keys.to_numpy(zero_copy_only=False)[span]
    values = column.items.to_numpy(zero_copy_only=False)[span]
    rows = np.repeat(np.arange(source.num_rows), np.diff(offsets))
    num_cols = dim if dim is not None else int(keys.max(initial=-1)) + 1
    try:
        weight = torch.from_numpy(values.copy()).to(torch_dtype(dtype))
        matrix = CSR.from_coo(rows, keys, (source.num_rows, num_cols), weight)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    return matrix.with_weight(None) if bool((weight == 1).all()) else matrix


def text_column(source: Source, name: str) -> pa.Array:
    """Returns a column of texts, as written in a text file; a missing one is empty."""
    column = source.written(name)
    if pa.types.is_null(column.type):  # All texts are missing, or there are no rows.
        column = column.cast(pa.large_string())
    if not pa.types.is_large_string(column.type):
        raise DataError(f"{source.label}, column {name!r} holds {column.type}; expected text.")
    return column.fill_null("")


def times(source: Table, name: str) -> Tensor:
    """Returns a column of times ``[num_rows]``; dates and timestamps in microseconds since 1970.

    One unit for both: models compare the times of all relations.

    Raises:
        DataError: If times are missing or of another type, or a text is no ISO 8601 time.
    """
    column, where = source.column(name), _where(source, name)
    row = missing_row(column)
    if row is not None:
        raise DataError(
            f"{where}, row {row} (from 0): the time is missing, as it is in {column.null_count:,} "
            f"of {len(column):,} rows; fill it in, drop these rows, or do not declare the column "
            "as the time."
        )
    if pa.types.is_null(column.type):
        column = column.cast(pa.int64())  # A column without rows may have no type.
    if pa.types.is_large_string(column.type):
        column = parsed_times(column, where)
    kind = column.type
    if pa.types.is_time(kind):
        column = column.cast(pa.time64("us"), safe=False)
    if pa.types.is_duration(kind):
        column = column.cast(pa.duration("us"), safe=False)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        column = column.cast(pa.timestamp("us", zone), safe=False)
    if pa.types.is_temporal(kind):
        column = column.cast(pa.int64())
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise DataError(f"{where} holds {kind}; expected numbers, dates or timestamps as times.")
    if pa.types.is_integer(column.type):
        column = column.cast(pa.int64())
    return torch.from_numpy(column.to_numpy(zero_copy_only=False).copy())


def tensor_to_column(values: Tensor) -> pa.Array:
    """Returns ``[n]`` or ``[n, dim]`` values as a column of numbers or of fixed-size lists."""
    values = values.detach().cpu()
    if values.dtype == torch.bfloat16:
        values = values.float()  # Arrow has no bfloat16; float32 represents it exactly.
    flat = pa.array(values.contiguous().view(-1).numpy())
    if values.dim() == 1:
        return flat
    if values.shape[1] == 0:
        return pa.array([[]] * len(values), pa.list_(flat.type))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def sparse_to_column(matrix: CSR) -> pa.Array:
    """Returns a column of maps ``{feature: value}``; :func:`sparse_column` reads it."""
    weight = matrix.weight if matrix.weight is not None else torch.ones(matrix.nnz)
    keys = pa.array(matrix.indices.cpu().numpy().astype(np.int32))
    offsets = pa.array(matrix.indptr.cpu().numpy().astype(np.int32))
    return pa.MapArray.from_arrays(offsets, keys, tensor_to_column(weight))


def _numeric(source: Source, name: str) -> Tensor:
    """Returns one column as ``[num_rows, dim]``."""
    column, where = source.column(name), _where(source, name)
    row = missing_row(column)
    if row is not None:
        raise DataError(
            f"{where}, row {row} (from 0): the value is missing; fill it in or leave the column "
            "out of the features."
        )
    dim = 1
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        dim = _list_size(column, where)
        column = column.flatten()
    if pa.types.is_boolean(column.type) or not len(column):
        column = column.cast(pa.uint8())  # A column without rows may have no type.
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        hint = "declare it as text or category" if pa.types.is_large_string(kind) else "convert it"
        raise DataError(f"{where} holds {kind}, expected numbers as features; {hint}.")
    values = column.to_numpy(zero_copy_only=False).reshape(source.num_rows, dim)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        value = values[bad][~np.isfinite(values[bad])][0]
        raise DataError(f"{where}, row {bad} (from 0): {value} is not finite; replace or drop it.")
    return torch.from_numpy(values if values.flags.writeable else values.copy())


def _list_size(column: pa.Array, where: str) -> int:
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    if not lengths.size:
        fixed = pa.types.is_fixed_size_list(column.type)
        return int(column.type.list_size) if fixed else 0
    odd = np.flatnonzero(lengths != lengths[0])
    if odd.size:
        raise DataError(
            f"{where}, row {odd[0]} (from 0): the list has {lengths[odd[0]]} values, "
            f"{lengths[0]} in row 0; all lists must have the same length."
        )
    return int(lengths[0])


def _where(source: Table, name: str) -> str:
    return f"{source.label}, column {name!r}"
