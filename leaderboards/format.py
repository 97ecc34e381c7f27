"""Numbers as text for the tables."""

from __future__ import annotations

from hetgraph.leaderboards.spec import Cell
from hetgraph.leaderboards.verdict import Sample

__all__ = [
    "cell_text",
    "count_text",
    "memory_text",
    "number",
    "sample_text",
    "seconds_text",
]


def number(value: float, scale: float = 1.0, *, signed: bool = False) -> str:
    """A stored value in the unit of the table: two decimals for percent, four otherwise."""
    digits = 2 if scale == 100.0 else 4
    return f"{value * scale:{'+' if signed else ''}.{digits}f}"


def sample_text(sample: Sample | None, scale: float, *, signed: bool = False) -> str:
    """``95.55 ± 0.29``; the mean alone for a single run; empty without runs."""
    if sample is None:
        return ""
    mean = number(sample.mean, scale, signed=signed)
    return mean if sample.std is None else f"{mean} ± {number(sample.std, scale)}"


def cell_text(cell: Cell | None, scale: float) -> str:
    """A published value, ``OOM``, ``?`` if it is not known, or empty if it is not reported."""
    if cell is None:
        return ""
    if cell.mean is None:
        return "OOM" if cell.status == "oom" else "?"
    return sample_text(Sample(cell.mean, cell.std, 0), scale)


def seconds_text(seconds: float | None) -> str:
    """``0.85 s``, ``31.0 s``, ``4 min 05 s``."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def memory_text(size: float | None) -> str:
    """Bytes in MiB or GiB."""
    if size is None:
        return ""
    mebi = size / 2**20
    return f"{mebi:.0f} MiB" if mebi < 1024 else f"{mebi / 1024:.2f} GiB"


def count_text(count: int | None) -> str:
    """A count with thousands separators."""
    return "" if count is None else f"{count:,}"
