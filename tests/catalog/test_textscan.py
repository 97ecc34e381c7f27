from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import textscan
from hetgraph.catalog.textscan import read_columns, read_matrix, scan_fields
from hetgraph.data import CSR
from hetgraph.errors import FileFormatError


def matrix(rows: list[str]) -> Any:
    """Reads rows that stand between other bytes, commas among them."""
    data, starts, ends = b"", [], []
    for row in rows:
        data += b"name, with, commas\t"
        starts.append(len(data))
        data += row.encode()
        ends.append(len(data))
        data += b"\n"
    lines = np.arange(len(rows)) + 1
    return read_matrix(data, np.array(starts), np.array(ends), lines, "f")


@pytest.mark.parametrize("chunk", [1, 40, 1 << 20])
@pytest.mark.parametrize("style", ["digit", "float", "mixed", "dense"])
def test_matrix_equals_a_plain_parser(
    style: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(textscan, "_CHUNK_BYTES", chunk)
    rng = np.random.default_rng(0)
    value = rng.standard_normal((7, 23)) * (rng.random((7, 23)) < (1 if style == "dense" else 0.15))
    if style == "digit":
        rows = [",".join(str(int(abs(number) * 3) % 10) for number in row) for row in value]
    elif style == "mixed":
        forms = ("{:g}", "{:.3f}", "{:e}", "{:.1f}")
        rows = [
            ",".join(forms[(i + j) % 4].format(number) for j, number in enumerate(row))
            for i, row in enumerate(value)
        ]
    else:
        rows = [",".join(repr(float(number)) for number in row) for row in value]
    expected = torch.tensor([[float(text) for text in row.split(",")] for row in rows])
    matrix_read = matrix(rows)
    assert isinstance(matrix_read, CSR) == (style != "dense")
    dense = matrix_read.to_dense() if isinstance(matrix_read, CSR) else matrix_read
    assert torch.equal(dense, expected)
    if isinstance(matrix_read, CSR):
        matrix_read.validate()
        assert matrix_read.weight is None or bool((matrix_read.weight != 0).all())


def test_ones_need_no_weight_and_zero_rows_stay() -> None:
    matrix_read = matrix(["0,0,0,0,0", "0,1,0,0,0", "0,0,0,0,0"])
    assert isinstance(matrix_read, CSR)
    assert matrix_read.weight is None
    assert matrix_read.indptr.tolist() == [0, 0, 1, 1]
    assert matrix(["0,0", "0,0"]).to_dense().tolist() == [[0, 0], [0, 0]]
    assert matrix(["5"]).tolist() == [[5]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,2", "1,2,3"], "f line 2 has 3 features, expected 2 as in line 1"),
        (["1,2", "1"], "f line 2 has 1 features, expected 2"),
        (["1,0,0", "1,0", "0,1,0,1"], "f line 2 has 2 features"),  # The bytes add up.
        (["1,2", ""], "f line 2 has no features"),
        (["1.5,two"], "two"),
        (["1,,2"], "lines 1 to 1"),
        (["a,b"], "Failed to parse"),
    ],
)
def test_bad_rows_are_named(rows: list[str], message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        matrix(rows)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [3, 1 << 20])
def test_fields_of_ragged_lines(end: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textscan, "_SCAN_BYTES", block)
    lines = ["a\tbc\td", "\t\te\tf", "x\ty\tz\t"]
    data = (end.join(lines) + end).encode()
    starts, ends = scan_fields(data, "f", min_fields=3, max_fields=4)
    matrix_read = [
        [data[i:j].decode() for i, j in zip(first, last, strict=True)]
        for first, last in zip(starts, ends, strict=True)
    ]
    assert matrix_read == [["a", "bc", "d", ""], ["", "", "e", "f"], ["x", "y", "z", ""]]


@pytest.mark.parametrize(("text", "line"), [("a\tb\nc\n", 2), ("a\tb\tc\n", 1), ("a\tb\n\n", 2)])
def test_lines_with_a_wrong_number_of_fields_are_named(text: str, line: int) -> None:
    with pytest.raises(FileFormatError, match=f"f line {line} has"):
        scan_fields(text.encode(), "f", min_fields=2, max_fields=2)


def test_columns_keep_quotes_and_empty_strings() -> None:
    columns = {"id": pa.int64(), "name": pa.string()}
    table = read_columns(b'1\t"a\r\n2\t\r\n3\tNA\r\n', columns, "f")
    assert table["name"].to_pylist() == ['"a', "", "NA"]
    assert read_columns(b"\n", columns, "f").num_rows == 0
    for text in (b"1\ta\n2\n", b"x\ta\n", b"\ta\n"):
        with pytest.raises(FileFormatError, match="f is damaged"):
            read_columns(text, columns, "f")
