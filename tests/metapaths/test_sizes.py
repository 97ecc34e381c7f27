import pytest

from hetgraph.errors import ConfigError
from hetgraph.metapaths.sizes import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, 0),
        (1e9, 10**9),
        ("12", 12),
        ("2GiB", 2 * 2**30),
        (" 1.5 mib ", 3 * 2**19),
        ("500MB", 500 * 10**6),
        (".5KiB", 512),
        ("3 B", 3),
    ],
)
def test_parse(size, expected):
    assert parse_bytes(size) == expected


@pytest.mark.parametrize("size", ["", "GiB", "2 apples", "-1", -1, float("nan"), True, "1e9"])
def test_parse_refuses(size):
    with pytest.raises(ConfigError, match="is not a size"):
        parse_bytes(size)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (40_000_000, "38.1 MiB"), (2**31, "2.0 GiB")],
)
def test_format(size, expected):
    assert format_bytes(size) == expected
    assert format_bytes(2**50) == "1024.0 TiB"
