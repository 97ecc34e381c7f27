"""The table of models and tasks in the documents is the one that the code prints."""

from __future__ import annotations

from pathlib import Path

from hetgraph.methods import offers
from hetgraph.methods.matrix import matrix_lines

PAGE = Path(__file__).parents[2] / "docs/models.md"


def test_the_page_has_what_the_command_prints() -> None:
    printed = "\n".join(matrix_lines(offers()))
    _, _, shown = PAGE.read_text(encoding="utf-8").partition("| model |")
    assert f"| model |{shown}".rstrip() == printed, (
        "docs/models.md is older than the code; replace everything from its table on with the "
        "output of: hetgraph models --matrix"
    )
