from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.preprocessing import RobustScaler, StandardScaler

from hetgraph.errors import ConfigError, DataError

DAYS = [datetime.date(2024, 2, 29), datetime.date(1969, 7, 20), datetime.date(2023, 12, 31)]
ALL = ["elapsed", "year", "month", "day", "weekday", "hour", "minute"]


def test_parts_equal_the_calendar_of_python_and_pandas(fit: Any) -> None:
    rng = np.random.default_rng(0)
    seconds = rng.integers(-3_000_000_000, 3_000_000_000, 500)
    times = pd.Series(pd.to_datetime(seconds, unit="s"))
    encoder, features = fit(pa.array(times), "date", parts=ALL, scale="none")
    by_name = dict(zip(encoder.names, features.T, strict=True))
    np.testing.assert_allclose(by_name["x elapsed"], seconds / 86400)
    assert by_name["x year"].tolist() == times.dt.year.tolist()
    hour = times.dt.hour + times.dt.minute / 60 + times.dt.second / 3600
    for part, turns in {
        "month": (times.dt.month - 1) / 12,
        "day": (times.dt.day - 1) / times.dt.days_in_month,
        "weekday": times.dt.day_of_week / 7,
        "hour": hour / 24,
        "minute": (times.dt.minute + times.dt.second / 60) / 60,
    }.items():
        np.testing.assert_allclose(by_name[f"x sin({part})"], np.sin(2 * np.pi * turns), atol=1e-9)
        np.testing.assert_allclose(by_name[f"x cos({part})"], np.cos(2 * np.pi * turns), atol=1e-9)


@pytest.mark.parametrize(
    ("scale", "peer"), [("standard", StandardScaler), ("robust", RobustScaler)]
)
def test_the_time_that_has_passed_is_scaled_as_by_scikit_learn(
    fit: Any, scale: str, peer: Any
) -> None:
    _, features = fit(DAYS, parts=["elapsed"], scale=scale)
    days = np.array([[(day - datetime.date(1970, 1, 1)).days] for day in DAYS], dtype=float)
    np.testing.assert_allclose(features, peer().fit_transform(days))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(DAYS, pa.date32()),
        pa.array(DAYS, pa.date64()),
        pa.array(DAYS).cast(pa.timestamp("ns")),
        pa.array(DAYS).cast(pa.timestamp("s")),
        pa.array([day.isoformat() for day in DAYS]),
        pa.array([f" {day.isoformat()}T00:00:00 " for day in DAYS]),
        pa.array([f"{day.isoformat()} 00:00:00Z" for day in DAYS]),
    ],
    ids=lambda values: str(values[0]),
)
def test_every_type_of_date_is_the_same(fit: Any, values: Any) -> None:
    encoder, features = fit(values)
    expected, reference = fit(DAYS)
    assert encoder == expected
    assert np.array_equal(features, reference)
    assert encoder.names == [
        "x elapsed",
        *(f"x {f}({p})" for p in ("month", "weekday") for f in ("sin", "cos")),
    ]
    assert encoder.describe() == ["x: date, elapsed (standard scale), cycles of month and weekday"]


def test_hours_count_if_there_are_any(fit: Any, apply: Any) -> None:
    values = pa.array([datetime.datetime(2020, 1, 1, 6), None])
    encoder, features = fit(values)
    assert encoder.names[-3:] == ["x sin(hour)", "x cos(hour)", "x (missing)"]
    assert features[0].round(9).tolist() == pytest.approx(
        [0, 0, 1, math.sin(4 * math.pi / 7), math.cos(4 * math.pi / 7), 1, 0, 0]
    )
    assert features[1].tolist() == [0] * 7 + [1]
    assert np.array_equal(apply(encoder, values), features)
    assert apply(encoder, pa.nulls(1)).tolist() == [[0] * 7 + [1]]
    assert encoder.describe()[0].startswith("x: date, 1 of 2 missing → 0 + indicator, elapsed")


def test_a_zone_shows_its_own_clock(fit: Any) -> None:
    noon = datetime.datetime(2020, 6, 1, 12, tzinfo=datetime.UTC)
    _, there = fit(pa.array([noon], pa.timestamp("us", "Asia/Tokyo")), parts=["hour"])
    _, utc = fit(pa.array([noon], pa.timestamp("us", "UTC")), parts=["hour"])
    assert there[0].tolist() == pytest.approx(
        [math.sin(21 * math.pi / 12), math.cos(21 * math.pi / 12)]
    )
    assert utc[0].tolist() == pytest.approx([0, -1])


def test_times_of_day(fit: Any) -> None:
    for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")):
        encoder, features = fit(pa.array([datetime.time(6), None, datetime.time(18)], kind))
        assert encoder.names == ["x sin(hour)", "x cos(hour)", "x (missing)"]
        assert features.round(9).tolist() == [[1, 0, 0], [0, 0, 1], [-1, 0, 0]]


@pytest.mark.parametrize(
    ("values", "unit"), [([86400, None], "s"), ([86400.5, np.nan], "s"), ([86400_000, None], "ms")]
)
def test_numbers_with_a_unit(fit: Any, values: Any, unit: str) -> None:
    _, features = fit(values, "date", unit=unit, parts=["elapsed"], scale="none")
    assert features.tolist() == [[1, 0], [0, 1]]


def test_another_format(fit: Any, apply: Any) -> None:
    encoder, features = fit(
        ["31.12.2023", None], "date", format="%d.%m.%Y", parts=["year"], scale="none"
    )
    assert features.tolist() == [[2023, 0], [0, 1]]
    assert apply(encoder, ["01.01.1999"]).tolist() == [[1999, 0]]
    with pytest.raises(DataError, match=r"row 1 \(from 0\): '1999' does not match the format '%d"):
        apply(encoder, [None, "1999"])


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (
            [*["2020-01-01"] * 3, None, *[f"2020-01-{i:02}" for i in range(1, 20)], "2020-02-30"],
            {},
            r"row 23 \(from 0\): '2020-02-30' is not a date like 2024-01-31",
        ),
        (["2020-01-01 10:00:00Z", "2020-01-01 10:00:00"], {}, "row 1 .*10:00:00' is not a date"),
        ([*(f"2020-01-{i:02}" for i in range(1, 15)), "soon"], {}, "row 14 .*'soon' is not a date"),
        (["soon", "2020-01-01"], {"encode": "date"}, "row 0 .*'soon' is not a date"),
        ([DAYS[0], None], {"fill": "error"}, r"row 1 \(from 0\): the value is missing"),
        ([5], {"encode": "date"}, "numbers need a unit"),
        ([[5]], {"encode": "date"}, "expected dates, times or ISO texts"),
        (pa.array([2**62], pa.timestamp("s")), {}, "a date is out of range"),
    ],
)
def test_a_bad_date_names_its_row(fit: Any, values: Any, options: Any, expected: str) -> None:
    with pytest.raises(DataError, match="table 't', column 'x'.*" + expected):
        fit(values, **options)


def test_unknown_parts_are_told(fit: Any) -> None:
    with pytest.raises(ConfigError, match=r"unknown part 'months'. Did you mean 'month'?"):
        fit(DAYS, parts=["months"])


def test_nothing_known(fit: Any, apply: Any) -> None:
    encoder, features = fit(pa.nulls(2), "date")
    assert features.tolist() == [[0, 0, 0, 0, 0, 1]] * 2
    assert np.isfinite(apply(encoder, DAYS)).all()
    assert fit(pa.array([], pa.date32()))[1].shape == (0, 5)
