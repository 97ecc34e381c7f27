"""Ids of every type are found again, or all that are not are counted in one message."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hetgraph.errors import DataError
from hetgraph.io import from_tables
from hetgraph.io.ids import IdMap, check_ids

BIG = 2**63


def rows(ids: Any, wanted: Any, *, text_file: bool = False) -> list[int]:
    """Row numbers of ids that are looked up, after the checks of a node table."""
    column = ids if isinstance(ids, pa.Array) else pa.array(ids)
    known = check_ids(_large(column), "table 'a', column 'id'", text_file=text_file)
    given = wanted if isinstance(wanted, pa.Array) else pa.array(wanted)
    found: list[int] = IdMap("a", known).rows(_large(given), "table (r), column 'src'").tolist()
    return found


def _large(column: pa.Array) -> pa.Array:
    return column.cast(pa.large_string()) if pa.types.is_string(column.type) else column


def refused(ids: Any, wanted: Any, *, text_file: bool = False) -> str:
    with pytest.raises(DataError) as caught:
        rows(ids, wanted, text_file=text_file)
    return str(caught.value)


def uint(*values: int) -> pa.Array:
    return pa.array(values, pa.uint64())


@pytest.mark.parametrize(
    ("ids", "wanted", "expected"),
    [
        ([0, 1, 2], [2, 0], [2, 0]),  # row numbers
        ([12, 10, 13], [10, 13], [1, 2]),  # close together
        ([10**15, -5], [-5, 10**15], [1, 0]),  # far apart
        ([-(2**63), 2**63 - 1], [2**63 - 1, -(2**63)], [1, 0]),
        ([2**63 - 3, 2**63 - 1], [2**63 - 1], [1]),
        (uint(BIG, 1), [1], [1]),
        ([5, 1], uint(1, 5), [1, 0]),
        (uint(BIG, 1), uint(BIG), [0]),
        ([2.0, 1.0], [1, 2], [1, 0]),
        ([2, 1], [1.0, 2.0], [1, 0]),
        ([True, False], [False], [1]),
        (["7", "x"], ["x", "7"], [1, 0]),
        (["é", "e\u0301"], ["e\u0301", "é"], [1, 0]),
        ([9, 7], ["7", "9"], [1, 0]),
        ([9, 7], ["7.0", "9.00"], [1, 0]),
        ([9, -7], ["-7"], [1]),
        (uint(BIG, 7), [str(BIG), "7"], [0, 1]),
        ([0.5, 7.0], ["7", "0.5"], [1, 0]),
        ([datetime.date(2020, 1, 1)], [datetime.date(2020, 1, 1)], [0]),
    ],
)
def test_ids_are_found(ids: Any, wanted: Any, expected: list[int]) -> None:
    assert rows(ids, wanted) == expected


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        ([0, 1, 2], [0, 3, -1, 2]),
        ([12, 10, 13], [12, 9, 14, 13]),
        ([12, 10, 13], [12, 11, -(2**63), 13]),
        ([12, 10, 13], [12, 2**63 - 1, 0, 13]),
        ([10**15, -5], [-5, 7, 8, 10**15]),
        ([5, 1], uint(1, BIG, 2**64 - 1, 5)),
        (uint(BIG, 1), [1, -1, 2, 1]),
        ([5, 1], [1.0, 1.5, 9e18, 5.0]),
        ([5, 2**63 - 1], [5.0, 2.0**63, 1e300, 5.0]),
        ([2**53 + 1, 5], [5.0, 2.0**53, 1.0, 5.0]),
        ([0.5, 5.0, 2.0**53], [5, 2**53 + 1, 7, 2**53]),
        ([9, 7], ["7", "007", "0x7", "9"]),
        ([9, 7], ["7", " 7", "+7", "9"]),
        ([9, 7], ["7", "7.5", "", "9"]),
        ([0, 1], ["0", "-0", "00", "1"]),
        ([9, 7], ["7", str(BIG), str(10**19), "9"]),
        ([9, 7], ["7", "1" * 40, "x", "9"]),
        ([0.5, 7.0], ["7", "x", "-", "0.5"]),
        (["a", "b"], ["a", "A", " b", "b"]),
    ],
)
def test_ids_that_only_look_alike_are_unknown(ids: Any, wanted: Any) -> None:
    try:
        message = refused(ids, wanted)
    except pa.ArrowInvalid as error:  # A library error would not name the place.
        raise AssertionError from error
    assert "column 'src', 2 rows hold ids that are not 'a' nodes" in message
    assert "in row 1" in message
    assert "in row 2 (rows from 0)" in message
    assert "in row 0" not in message
    assert "in row 3" not in message


def test_all_unknown_ids_are_counted_and_five_are_shown() -> None:
    message = refused(["a"], [f"x{number}" for number in range(1200)])
    assert "1,200 rows hold ids that are not 'a' nodes: 'x0' in row 0, " in message
    assert "'x4' in row 4, ... (rows from 0), not among its 1 ids" in message
    assert "'x5'" not in message
    assert "Add the nodes to their table or drop the edges." in message


def test_all_repeated_ids_are_counted_and_five_are_shown() -> None:
    with pytest.raises(DataError) as caught:
        check_ids(pa.array([*range(9), 3, *range(9), 3]), "table 'a', column 'id'")
    message = str(caught.value)
    assert "table 'a', column 'id': 9 ids are repeated: 0 occurs twice, in rows 0, 10; " in message
    assert "3 occurs 4 times, in rows 3, 9, 13, 19; " in message
    assert "4 occurs twice" in message
    assert "; ... (from 0); ids must be unique" in message
    assert "5 occurs" not in message


@pytest.mark.parametrize("ids", [["a", None, "b", None], [1.5, float("nan"), 2.5, None]])
def test_all_missing_ids_are_named(ids: list[Any]) -> None:
    with pytest.raises(DataError, match=r"rows 1, 3 \(from 0\): the id is missing"):
        check_ids(pa.array(ids), "table 'a', column 'id'")
    with pytest.raises(DataError, match=r"rows 1, 3 \(from 0\): the 'a' id is missing"):
        IdMap("a", pa.array(["a", "b"])).rows(pa.array(ids), "x")
    many = pa.array([None] * 7, pa.int64())
    with pytest.raises(DataError, match=r"rows 0, 1, 2, 3, 4, \.\.\. \(7 in all\)"):
        check_ids(many, "x")


@pytest.mark.parametrize(
    ("ids", "wanted", "hint"),
    [
        (["ann"], [" ann"], "There is 'ann', which differs by spaces"),
        ([7], ["007"], "There is '7', which differs by leading zeros"),
        ([7], [" 7"], "There is '7', which differs by spaces"),
        (["ann"], ["Ann"], "There is 'ann', which differs by upper and lower case"),
        (["é"], ["e\u0301"], "differs by the form of its Unicode letters"),
        (["e\u0301"], ["é"], "differs by decomposed Unicode letters"),
        (["x"], ["y"], ""),
        ([0], ["x"], ""),
    ],
)
def test_an_id_that_looks_alike_is_named(ids: Any, wanted: Any, hint: str) -> None:
    message = refused(ids, wanted)
    assert hint in message
    assert ("There is" in message) == bool(hint)


def test_row_numbers_as_ids_are_told_as_a_range() -> None:
    assert "7 is not a 'a' node, not among 0..2" in refused([0, 1, 2], [7])
    assert "7 is not a 'a' node, not among its 2 ids" in refused([0, 2], [7])


def test_types_that_do_not_meet() -> None:
    assert "holds bool, but the ids of 'a' are int64" in refused([0, 1], [True, False])
    assert "holds int64, but the ids of 'a' are large_string" in refused(["1"], [1])


@pytest.mark.parametrize("text", ["7\n9\n", "007\n9\n", f"{BIG}\n9\n", f"{2**64}\n9\n", "1.0\n9\n"])
def test_ids_of_text_files_are_kept_as_written(text: str, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text(f"id\n{text}")
    (tmp_path / "e.csv").write_text(f"src,dst\n{text.splitlines()[0]},9\n")
    graph = from_tables({"a": tmp_path / "n.csv"}, {("a", "r", "a"): tmp_path / "e.csv"})
    assert [str(value) for value in graph.ids["a"].to_pylist()] == text.split()
    assert [ends.tolist() for ends in graph.relation("r").edges()] == [[0], [1]]
    assert graph.content_hash


def test_large_numbers_of_a_text_file_meet_those_of_another_table() -> None:
    texts = pa.array([str(BIG), "7"], pa.large_string())
    assert rows(texts, uint(7, BIG), text_file=True) == [1, 0]
    assert rows(texts, texts, text_file=True) == [0, 1]


def test_many_ids_are_looked_up_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hetgraph.io.ids._SLICE", 10)
    monkeypatch.setattr(pa, "cpu_count", lambda: 4)
    names = [f"n{number}" for number in range(7)]
    wanted = np.random.default_rng(0).integers(7, size=103)
    assert rows(names, [names[number] for number in wanted]) == wanted.tolist()
    wanted_or_not = [*(names[number] for number in wanted), "x"]
    assert "row 103 (from 0): 'x' is not" in refused(names, wanted_or_not)
