from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hetgraph.listing import Listing

NAMES = ("diffgraph/retail_rocket", "kg/FB15k-237", "amazon/Photo", "数据/图")
NUMBERS = ("12,345,678", "0.0001", "95.55±0.29")


def render(listing: Listing, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(listing)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(cell_len(line) <= width for line in text.splitlines())
    return text


def numbers() -> Listing:
    listing = Listing("data set", *NUMBERS, title="many numbers", right=NUMBERS)
    for name in NAMES:
        listing.add_row(Text(name), *NUMBERS)
    return listing


def prose() -> Listing:
    listing = Listing("data set", "what it is", "cite", prose=("what it is", "cite"))
    for name in NAMES:
        listing.add_row(Text(name), "Some words about a graph. " * 3, "An, Author. Title. 2021.")
    return listing


@pytest.mark.parametrize("width", [160, 80, 60, 45, 26])
@pytest.mark.parametrize("make", [numbers, prose])
def test_names_and_numbers_are_whole_at_every_width(make: object, width: int) -> None:
    text = render(make(), width)  # type: ignore[operator]
    assert "…" not in text
    assert "..." not in text
    for name in NAMES:
        assert name in text
    if make is numbers:
        for number in NUMBERS:
            assert text.count(number) >= len(NAMES)


def test_lines_around_the_cells_go_first_then_columns_become_tables() -> None:
    assert "│" in render(numbers(), 80)
    assert "│" not in render(numbers(), 60)
    assert render(numbers(), 60).count("diffgraph/retail_rocket") == 1
    narrow = render(numbers(), 50)
    assert narrow.count("diffgraph/retail_rocket") == 2
    assert narrow.count("many numbers") == 1


def test_the_keys_are_repeated() -> None:
    listing = Listing("model", "metric", "a", "b", right=("a", "b"), keys=2)
    listing.add_row("rgcn", "micro_f1", "1" * 12, "2" * 12)
    assert render(listing, 30).count("micro_f1") == 2
    assert "micro_f1" in render(listing, 12)  # not even a pair fits: lines by row


def test_text_becomes_lines_by_row_whose_items_stay_together() -> None:
    lines = render(prose(), 60).splitlines()
    start = lines.index("amazon/Photo")
    assert lines[start + 1].startswith("  what it is: Some words")
    assert any(line.startswith("  cite: An, Author.") for line in lines[start:])


def test_prose_is_wrapped_between_words() -> None:
    text = render(prose(), 90)
    assert "│" in text
    assert "gra\n" not in text
    assert text.count("Some words about") >= len(NAMES)


def test_bars_shrink_and_vanish_before_text_is_wrapped() -> None:
    listing = Listing("relation", "weight", "", right=("weight",))
    listing.add_row("author -writes> paper", "0.5000", "━" * 24)
    listing.add_row("self", "0.2500", "━" * 12)
    assert "━" * 24 + " │" in render(listing, 80)
    some = [line for line in render(listing, 52).splitlines() if "0." in line]
    assert [line.count("━") for line in some] == [15, 8]
    none = [line for line in render(listing, 40).splitlines() if "0." in line]
    assert [line.count("━") for line in none] == [0, 0]
    assert "author -writes> paper" in none[0]


def test_sections_and_empty_tables() -> None:
    listing = Listing("a", "b")
    assert "a" in render(listing, 80)
    assert render(listing, 4).split() == ["a", "b", "────"]
    listing.add_row("one", "x")
    listing.add_section()
    listing.add_row("two", "y")
    assert "├" in render(listing, 80)
