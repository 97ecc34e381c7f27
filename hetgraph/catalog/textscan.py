"""Vectorised readers of tab-separated benchmark files, without a Python loop over values."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.errors import FileFormatError

__all__ = ["read_columns", "read_matrix", "scan_fields"]

Ints = npt.NDArray[np.int64]

_TAB, _NEWLINE, _RETURN, _COMMA, _ZERO, _DOT = b"\t\n\r,0."
_SCAN_BYTES = 1 << 20
_CHUNK_BYTES = 16 << 20
_SPARSE_BELOW = 0.25  # Fraction of non-zeros: CSR takes 8 bytes per non-zero, dense 4 per value.


def read_columns(
    data: bytes, columns: Mapping[str, pa.DataType], source: str, *, delimiter: str = "\t"
) -> pa.Table:
    """Reads delimited text without header or quotes into typed columns.

    Args:
        data: The text, UTF-8, with LF or CRLF line ends; an empty text gives an empty table.
        columns: Names and types of the columns, in order.
        source: Name of the file in messages.
        delimiter: One character.

    Raises:
        FileFormatError: If a line has another number of columns, or a value another type.
    """
    if not data.strip():
        return pa.table({name: pa.array([], type=kind) for name, kind in columns.items()})
    try:
        return pa.csv.read_csv(
            io.BytesIO(data),
            read_options=pa.csv.ReadOptions(column_names=list(columns), use_threads=False),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, quote_char=False, newlines_in_values=False
            ),
            convert_options=pa.csv.ConvertOptions(column_types=dict(columns), null_values=[]),
        ).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{source} is damaged: {reason[:200]}.") from error


def scan_fields(data: bytes, source: str, *, min_fields: int, max_fields: int) -> tuple[Ints, Ints]:
    """Returns where the fields of a ragged tab-separated text begin and end.

    Args:
        data: The text; it must end with a newline.
        source: Name of the file in messages.
        min_fields: Smallest number of fields per line.
        max_fields: Largest number of fields per line.

    Returns:
        ``starts`` and ``ends``, ``[num_lines, max_fields]`` byte offsets; absent fields are empty.

    Raises:
        FileFormatError: Naming the first line with too few or too many fields.
    """
    buffer = np.frombuffer(data, dtype=np.uint8)
    # Tab is 9 and newline 10: one wrapping subtraction finds both, block by block in the cache.
    marks = np.concatenate(
        [
            np.flatnonzero(buffer[at : at + _SCAN_BYTES] - np.uint8(_TAB) < 2) + at
            for at in range(0, max(buffer.size, 1), _SCAN_BYTES)
        ]
    )
    is_end = buffer[marks] == _NEWLINE
    line_ends = np.flatnonzero(is_end)
    count = np.diff(line_ends, prepend=-1)
    bad = np.flatnonzero((count < min_fields) | (count > max_fields))
    if bad.size:
        limits = str(min_fields) if min_fields == max_fields else f"{min_fields} to {max_fields}"
        raise FileFormatError(
            f"{source} line {bad[0] + 1} has {count[bad[0]]} tab-separated fields, expected "
            f"{limits}: damaged or truncated."
        )
    first = line_ends - count + 1
    last_byte = marks[line_ends]
    last_byte = last_byte - ((last_byte > 0) & (buffer[last_byte - 1] == _RETURN))
    starts = np.empty((line_ends.size, max_fields), dtype=np.int64)
    ends = np.empty_like(starts)
    for field in range(max_fields):
        present = field < count
        mark = np.minimum(first + field, line_ends)
        starts[:, field] = np.where(mark > 0, marks[mark - 1] + 1, 0)
        ends[:, field] = np.where(field < count - 1, marks[mark], last_byte)
        starts[:, field] = np.where(present, starts[:, field], last_byte)
    return starts, ends


def read_matrix(data: bytes, starts: Ints, ends: Ints, lines: Ints, source: str) -> Tensor | CSR:
    """Reads comma-separated numbers, one row per byte range.

    Args:
        data: The text; at least one more byte follows every range.
        starts: ``[num_rows]`` first byte of each row.
        ends: ``[num_rows]`` byte after each row.
        lines: ``[num_rows]`` line numbers for messages.
        source: Name of the file in messages.

    Returns:
        A float32 ``[num_rows, dim]`` tensor, or a :class:`CSR` if few values are non-zero.

    Raises:
        FileFormatError: If rows differ in length or a value is not a number.
    """
    empty = np.flatnonzero(ends <= starts)
    if empty.size:
        raise FileFormatError(
            f"{source} line {lines[empty[0]]} has no features, but other nodes of its type do."
        )
    dim = data.count(b",", int(starts[0]), int(ends[0])) + 1
    view = memoryview(data)
    counts: list[Ints] = []
    columns: list[npt.NDArray[np.int32]] = []
    values: list[npt.NDArray[np.float32]] = []
    row_of_chunk = np.cumsum(ends - starts) // _CHUNK_BYTES
    for rows in np.split(np.arange(starts.size), np.flatnonzero(np.diff(row_of_chunk)) + 1):
        # The byte after each row becomes a comma, so that every number ends with one.
        block = bytearray().join(
            view[start : end + 1] for start, end in zip(starts[rows], ends[rows], strict=True)
        )
        text = np.frombuffer(block, dtype=np.uint8)
        row_ends = np.cumsum(ends[rows] - starts[rows] + 1)
        text[row_ends - 1] = _COMMA
        try:
            position, value = _nonzeros(text, row_ends, dim)
        except _RaggedError as error:
            row, count = error.args
            raise FileFormatError(
                f"{source} line {lines[rows[row]]} has {count} features, expected {dim} as in "
                f"line {lines[0]}."
            ) from None
        except pa.ArrowInvalid as error:
            reason = " ".join(str(error).split())
            raise FileFormatError(
                f"{source} lines {lines[rows[0]]} to {lines[rows[-1]]}: {reason}."
            ) from error
        counts.append(np.bincount(position // dim, minlength=rows.size))
        columns.append((position % dim).astype(np.int32))
        values.append(value)
    return _assemble(np.concatenate(counts), np.concatenate(columns), np.concatenate(values), dim)


class _RaggedError(Exception):
    """A row (first argument) has an unexpected number of values (second argument)."""


def _nonzeros(
    text: npt.NDArray[np.uint8], row_ends: Ints, dim: int
) -> tuple[Ints, npt.NDArray[np.float32]]:
    """Returns positions and values of the non-zero numbers in comma-terminated text."""
    if text.size == 2 * dim * row_ends.size and bool((text[1::2] == _COMMA).all()):
        digits = text[::2]  # Only single digits, as in bags of words.
        if bool(((digits >= _ZERO) & (digits <= _ZERO + 9)).all()) and bool(
            (row_ends == 2 * dim * np.arange(1, row_ends.size + 1)).all()
        ):
            position = np.flatnonzero(digits != _ZERO)
            return position, (digits[position] - _ZERO).astype(np.float32)
    commas = np.flatnonzero(text == _COMMA)
    row_tokens = np.diff(np.searchsorted(commas, row_ends), prepend=0)
    ragged = np.flatnonzero(row_tokens != dim)
    if ragged.size:
        raise _RaggedError(int(ragged[0]), int(row_tokens[ragged[0]]))
    starts = np.concatenate([[0], commas[:-1] + 1])
    sizes = commas - starts
    # "0" and "0.0" are most of the text and need no parsing. A comma ends every number, so the
    # second byte exists, and the third one if the size is 3.
    last = text[commas - 1]
    zero = (text[starts] == _ZERO) & (
        (sizes == 1) | ((sizes == 3) & (text[starts + 1] == _DOT) & (last == _ZERO))
    )
    token = np.flatnonzero(~zero)
    number = _parse_numbers(text, starts[token], sizes[token])
    kept = number != 0
    return token[kept], number[kept].astype(np.float32)


def _parse_numbers(
    text: npt.NDArray[np.uint8], starts: Ints, sizes: Ints
) -> npt.NDArray[np.float64]:
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    byte = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
    strings = pa.LargeStringArray.from_buffers(
        starts.size, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(text[byte])
    )
    array: npt.NDArray[np.float64] = pc.cast(strings, pa.float64()).to_numpy()
    return array


def _assemble(
    counts: Ints, columns: npt.NDArray[np.int32], values: npt.NDArray[np.float32], dim: int
) -> Tensor | CSR:
    indptr: npt.NDArray[Any] = np.concatenate([[0], np.cumsum(counts)])
    weight = torch.from_numpy(values)
    if values.size > _SPARSE_BELOW * counts.size * dim:
        dense = torch.zeros(counts.size, dim)
        dense[np.repeat(np.arange(counts.size), counts), columns] = weight
        return dense
    dtype = torch.int32 if values.size < 2**31 else torch.int64
    return CSR(
        indptr=torch.from_numpy(indptr).to(dtype),
        indices=torch.from_numpy(columns).to(dtype),
        num_cols=dim,
        weight=None if bool((values == 1).all()) else weight,
    )
