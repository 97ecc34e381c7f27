"""Numbers with a decimal comma."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetgraph.errors import DataError
from hetgraph.io import load_tables


def test_commas_are_decimals_and_points_stand_between_thousands(fit: Any) -> None:
    texts = ["2,50", "1.204,5", "1.204", "-3", " 0,25 ", "12.345.678"]
    _, features = fit(texts, "decimal-comma", scale="none")
    wanted = [2.5, 1204.5, 1204.0, -3.0, 0.25, 12345678.0]
    np.testing.assert_allclose(features[:, 0], wanted)


@pytest.mark.parametrize("text", ["2.50", "1.2,5", "1,2,3", "12.34.567", "x"])
def test_a_text_of_another_form_is_a_mistake(fit: Any, text: str) -> None:
    with pytest.raises(DataError, match=r"row 1 \(from 0\)"):
        fit(["1,5", text], "decimal-comma")


def test_missing_cells_are_filled_as_those_of_numbers(fit: Any) -> None:
    encoder, features = fit(["1,5", None, "NA", "2,5"], "decimal-comma", scale="none")
    np.testing.assert_allclose(features, [[1.5, 0], [2.0, 1], [2.0, 1], [2.5, 0]])
    assert "number with a decimal comma, 2 of 4 missing → median 2" in encoder.describe()[0]


def test_a_column_of_a_text_file_is_read_as_written(tmp_path: Path) -> None:
    (tmp_path / "item.csv").write_text("id;price\na;1.204\nb;0.900\n")
    (tmp_path / "tables.yaml").write_text(
        "nodes: {item: {file: item.csv, separator: ';',"
        " features: {price: {encode: decimal-comma, scale: none}}}}\n"
    )
    with pytest.raises(
        DataError, match=r"'0\.900' is not a number with a decimal comma"
    ):  # no thousands: the declaration is wrong
        load_tables(tmp_path)
    (tmp_path / "item.csv").write_text("id;price\na;1.204\nb;0,9\n")
    features = load_tables(tmp_path).graph.features["item"]
    np.testing.assert_allclose(np.asarray(features)[:, 0], [1204.0, 0.9])
