"""Sizes in bytes, parsed from and formatted as text."""

from __future__ import annotations

import re

from hetgraph.errors import ConfigError

__all__ = ["format_bytes", "parse_bytes"]

_UNITS = {"": 1, "B": 1} | {
    prefix + suffix: base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate(("K", "M", "G", "T"), start=1)
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*")


def parse_bytes(size: int | float | str) -> int:
    """Returns a number of bytes from ``"2GiB"``, ``"500 MB"`` or a plain number.

    Raises:
        ConfigError: If it is not a size.

    Example:
        >>> parse_bytes("2GiB"), parse_bytes("500 MB")
        (2147483648, 500000000)
    """
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        units = {unit.lower(): factor for unit, factor in _UNITS.items()}
        if match and match[2].lower() in units:
            return int(float(match[1]) * units[match[2].lower()])
    elif not isinstance(size, bool) and 0 <= size < float("inf"):
        return int(size)
    raise ConfigError(f"{size!r} is not a size; write bytes or a text such as '2GiB' or '500MB'.")


def format_bytes(size: float) -> str:
    """Returns a size in binary units with three digits.

    Example:
        >>> format_bytes(40_000_000)
        '38.1 MiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
