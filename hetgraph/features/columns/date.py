"""Columns of dates and times: cycles such as the month, and the time that has passed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.features.columns.base import Array, Block, ColumnKind, Place, bad_cell, first_row
from hetgraph.features.columns.scaling import Scale, bad_cell_type, center_and_scale, refuse

__all__ = ["Date"]

_DAY = 86_400_000_000
"""Microseconds of a day."""
_ISO = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?\s*$"

Unit = Literal["s", "ms", "us", "ns"]


@dataclass(frozen=True)
class Date(ColumnKind):
    """Dates, timestamps, times of day, or ISO 8601 texts.

    A cycle becomes a point on the unit circle, so that December lies beside January. A missing date
    lies at the centre of every circle.

    Args:
        rows: Number of rows when fitted.
        missing: How many of them had no date.
        parts: What is taken from a date.
        center: What is subtracted from the parts that are numbers, by part.
        scale: What the difference is divided by, by part.
        scaled: Name of the scale.
        indicator: Whether a last column is 1 where the date is missing.
        fill: ``"error"``: a missing date is an error.
        format: Pattern of the texts; ``None``: ISO 8601.
        unit: Unit of numbers since 1970; ``None``: numbers are no dates.
    """

    kind: ClassVar[str] = "date"
    rows: int
    missing: int
    parts: list[str]
    center: dict[str, float]
    scale: dict[str, float]
    scaled: str
    indicator: bool
    fill: str | None = None
    format: str | None = None
    unit: Unit | None = None

    class Options(ColumnKind.Options, frozen=True):
        """What a user may choose.

        Args:
            parts: Some of ``elapsed`` (days since 1970), ``year`` and the cycles ``month``, ``day``
                (of the month), ``weekday``, ``hour`` and ``minute``. Default: ``elapsed``,
                ``month`` and ``weekday``, with ``hour`` if there are times of day.
            scale: Of ``elapsed`` and ``year``: ``standard``, ``robust`` or ``none``.
            indicator: ``auto``: if a date was missing when fitted.
            fill: ``error``: a missing date is an error.
            format: Pattern of texts that are not ISO 8601, such as ``"%d.%m.%Y"``.
            unit: Of numbers: ``s``, ``ms``, ``us`` or ``ns`` since 1970.
        """

        parts: list[str] | None = None
        scale: Scale = "standard"
        indicator: bool | Literal["auto"] = "auto"
        fill: Literal["error"] | None = None
        format: str | None = None
        unit: Unit | None = None

    @classmethod
    def claim(cls, values: pa.Array) -> int:
        """Dates, timestamps and times of day, and texts of which most look like ISO dates."""
        kind = values.type
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
            return 3
        if not pa.types.is_large_string(kind):
            return 0
        distinct = pc.unique(values.drop_null())
        dates = pc.sum(pc.match_substring_regex(distinct, _ISO)).as_py() or 0
        return 3 if len(distinct) and dates >= 0.9 * len(distinct) else 0

    @classmethod
    def fit(cls, values: pa.Array, options: Any, place: Place) -> Self:
        """Fits the scale of the time that has passed."""
        for part in options.parts or ():
            if part not in _PARTS:
                raise ConfigError(f"{place.where}: unknown part {part!r}.{suggest(part, _PARTS)}")
        times = _times(values, options.format, options.unit, place)
        missing = np.isnat(times)
        refuse(missing, options.fill or "", place)
        known = times[~missing]
        center, scale = {}, {}
        parts = _default_parts(values.type, known) if options.parts is None else options.parts
        for part in parts:
            if part not in _CYCLES:
                numbers = _PARTS[part](known)
                center[part], scale[part] = center_and_scale(numbers, options.scale)
        return cls(
            rows=times.size,
            missing=int(missing.sum()),
            parts=list(dict.fromkeys(parts)),
            center=center,
            scale=scale,
            scaled=options.scale,
            indicator=bool(missing.any()) if options.indicator == "auto" else options.indicator,
            fill=options.fill,
            format=options.format,
            unit=options.unit,
        )

    def encode(self, values: pa.Array, place: Place) -> Block:
        """Returns ``[num_rows, dim]``: per cycle sine and cosine, per number one column."""
        times = _times(values, self.format, self.unit, place)
        missing = np.isnat(times)
        refuse(missing, self.fill or "", place)
        known = np.where(missing, np.datetime64(0, "us"), times)
        columns: list[Array] = []
        for part in self.parts:
            numbers = _PARTS[part](known)
            if part in _CYCLES:
                angle = numbers * (2 * math.pi / _CYCLES[part])
                columns += [np.sin(angle), np.cos(angle)]
            else:
                columns.append((numbers - self.center[part]) / self.scale[part])
        block: Array = np.column_stack(columns) if columns else np.zeros((times.size, 0))
        block[missing] = 0
        return np.column_stack([block, missing]) if self.indicator else block

    def names(self, column: str) -> list[str]:
        """The parts, and the indicator."""
        names: list[str] = []
        for part in self.parts:
            cycle = part in _CYCLES
            names += [f"{column} {f}({part})" for f in ("sin", "cos")] if cycle else []
            names += [] if cycle else [f"{column} {part}"]
        return [*names, f"{column} (missing)"] if self.indicator else names

    def describe(self) -> str:
        """Such as ``date, elapsed time (standard scale), cycles of month and weekday``."""
        scaled = "not scaled" if self.scaled == "none" else f"{self.scaled} scale"
        numbers = [part for part in self.parts if part not in _CYCLES]
        cycles = [part for part in self.parts if part in _CYCLES]
        parts = ["date"]
        if self.missing:
            added = " + indicator" if self.indicator else ""
            parts.append(f"{self.missing} of {self.rows} missing → 0{added}")
        parts += [f"{' and '.join(numbers)} ({scaled})"] if numbers else []
        parts += [f"cycles of {' and '.join(cycles)}"] if cycles else []
        return ", ".join(parts)


# ------------------------------------------------------------------------------- reading


def _times(values: pa.Array, pattern: str | None, unit: str | None, place: Place) -> Array:
    """Returns ``[num_rows]`` datetime64 in microseconds, as the clock showed them; NaT: missing."""
    kind = values.type
    if pa.types.is_null(kind):
        values = values.cast(pa.timestamp("us"))
    elif pa.types.is_large_string(kind):
        values = _parsed(values, pattern, place)
    elif pa.types.is_time(kind):
        step = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 0.001}[kind.unit]
        count = values.cast(pa.int32()) if pa.types.is_time32(kind) else values
        counts = count.cast(pa.int64()).to_numpy(zero_copy_only=False)
        known = np.where(np.asarray(values.is_valid()), counts, 0) * step
        times = known.astype(np.int64).view("datetime64[us]")
        return np.where(np.asarray(values.is_valid()), times, np.datetime64("NaT", "us"))
    elif unit is not None and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        whole = pc.floor(values) if pa.types.is_floating(kind) else values
        whole = pc.if_else(pc.is_nan(whole), None, whole) if whole is not values else whole
        values = whole.cast(pa.int64()).cast(pa.timestamp(unit))
    elif not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        hint = " (numbers need a unit: s, ms, us or ns since 1970)"
        raise bad_cell_type(place, values, f"dates, times or ISO texts{hint}")
    return _clock(values, place)


def _clock(values: pa.Array, place: Place) -> Array:
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        utc = values.type.tz.upper() in ("UTC", "+00:00", "Z")  # needs no data base of time zones
        naive = values.cast(pa.timestamp(values.type.unit))
        values = naive if utc else pc.local_timestamp(values)
    try:
        values = values.cast(
            pa.timestamp("us"), safe=not str(values.type).startswith("timestamp[ns")
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"{place.where}: a date is out of range ({error}).") from error
    times: Array = values.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    return times


def _parsed(values: pa.Array, pattern: str | None, place: Place) -> pa.Array:
    texts = pc.utf8_trim_whitespace(values)
    if pattern is not None:
        parsed = pc.strptime(texts, format=pattern, unit="us", error_is_null=True)
        row = first_row(pc.and_(parsed.is_null(), texts.is_valid()))
        if row is not None:
            value = values[row].as_py()
            raise bad_cell(place, row, f"{value!r} does not match the format {pattern!r}.")
        return parsed
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        if _fits(texts, kind):
            return texts.cast(kind)
    row = _first_unfit(texts)
    raise bad_cell(
        place,
        row,
        f"{values[row].as_py()!r} is not a date like 2024-01-31 or 2024-01-31 23:59:00; correct "
        "it, leave the cell empty if it is missing, give the format, such as '%d.%m.%Y', or "
        "declare the column as onehot, hash or text.",
    )


def _fits(texts: pa.Array, kind: pa.DataType) -> bool:
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _first_unfit(texts: pa.Array) -> int:
    """Returns the first row that is not a date like those before it, by halving."""
    zoned = _fits(texts.drop_null()[:1], pa.timestamp("us", "UTC"))
    kind = pa.timestamp("us", "UTC") if zoned else pa.timestamp("us")
    good, bad = 0, len(texts)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _fits(texts[:middle], kind) else (good, middle)
    return good


def _default_parts(kind: pa.DataType, known: Array) -> list[str]:
    if pa.types.is_time(kind):
        return ["hour"]
    days = ["elapsed", "month", "weekday"]
    return [*days, "hour"] if (known.view(np.int64) % _DAY).any() else days


# --------------------------------------------------------------------------------- parts


def _days(times: Array) -> Array:
    return times.astype("datetime64[D]").astype(np.int64)


def _months(times: Array) -> Array:
    return times.astype("datetime64[M]").astype(np.int64)


def _day_of_month(times: Array) -> Array:
    months = times.astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    length = (months + 1).astype("datetime64[D]").astype(np.int64) - first
    day: Array = (_days(times) - first) / length
    return day


_PARTS: dict[str, Callable[[Array], Array]] = {
    "elapsed": lambda times: times.astype(np.int64) / _DAY,
    "year": lambda times: times.astype("datetime64[Y]").astype(np.int64) + 1970.0,
    "month": lambda times: _months(times) % 12,
    "day": _day_of_month,
    "weekday": lambda times: (_days(times) + 3) % 7,  # 1970 began on a Thursday.
    "hour": lambda times: times.astype(np.int64) % _DAY / (_DAY / 24),
    "minute": lambda times: times.astype(np.int64) % (_DAY // 24) / (_DAY / 1440),
}

_CYCLES = {"month": 12, "day": 1, "weekday": 7, "hour": 24, "minute": 60}
"""Length of each cycle, in the unit of its part."""
