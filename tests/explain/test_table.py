from __future__ import annotations

import csv
import io

from hetgraph.explain.table import (
    COLUMNS,
    class_name,
    largest_first,
    split_classes,
    to_csv,
    to_dicts,
)
from hetgraph.methods import RelevanceRow

ROWS = [
    RelevanceRow("paper", "paper-venue", 0, 0.25, 0.5),
    RelevanceRow("author", 'a "quoted", name', 1, 0.125, label=2),
    RelevanceRow("author", "author-paper", 0, 0.75),
]


def test_csv_reads_back_as_the_rows() -> None:
    read = list(csv.DictReader(io.StringIO(to_csv(ROWS))))
    assert tuple(read[0]) == COLUMNS
    for one, row in zip(read, ROWS, strict=True):
        assert (one["node_type"], one["relation"]) == (row.node_type, row.relation)
        assert (int(one["order"]), float(one["weight"])) == (row.order, row.weight)
        assert float(one["std"]) == row.std
        assert one["label"] == ("" if row.label is None else str(row.label))


def test_no_rows_leave_the_heading() -> None:
    assert to_csv([]) == ",".join(COLUMNS) + "\n"
    assert to_dicts([]) == []


def test_dicts_have_the_columns() -> None:
    assert to_dicts(ROWS)[1]["label"] == 2
    assert tuple(to_dicts(ROWS)[0]) == COLUMNS


def test_the_largest_of_a_type_comes_first() -> None:
    assert [row.weight for row in largest_first(ROWS)] == [0.75, 0.125, 0.25]


def test_rows_of_classes_are_told_apart() -> None:
    everyone, of_class = split_classes(iter(ROWS))
    assert everyone == [ROWS[0], ROWS[2]]
    assert of_class == [ROWS[1]]


def test_a_class_without_a_name_has_a_number() -> None:
    assert [class_name(("a",), 0), class_name(("a",), 1)] == ["a", "class 1"]
