from __future__ import annotations

import io

import pytest
from rich.console import Console

from hetgraph.cli.console import p_text, pairs, plain, stdout, table


def render(renderable: object) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_names_with_brackets_are_shown_as_they_are() -> None:
    listing = table("name")
    listing.add_row(plain("[bold]x[/bold] [link]"))
    assert "[bold]x[/bold] [link]" in render(listing)
    assert "[red]" in render(pairs({"[red]": "[/green]"}))
    assert "[/green]" in render(pairs({"[red]": "[/green]"}))


def test_numbers_stand_at_the_right() -> None:
    listing = table("n", right=("n",))
    listing.add_row("1")
    listing.add_row("1000")
    assert "│    1 │" in render(listing)


def test_p_values() -> None:
    assert [p_text(value) for value in (None, 0.00099, 0.001, 0.0256)] == [
        "",
        "< 0.001",
        "0.001",
        "0.026",
    ]


def test_a_pipe_is_wider_than_a_default_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert stdout().width == 120
    monkeypatch.setenv("COLUMNS", "90")
    assert stdout().width == 90
