"""The cards of the models: commands, examples and links; the packages in docs/design."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CARDS = sorted(ROOT.glob("models/*/README.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOP_LEVEL = {"models", "datasets", "leaderboards", "benchmarks"}


def blocks(card: Path, language: str) -> list[str]:
    every = BLOCK.findall(card.read_text(encoding="utf-8"))
    return [text for kind, text in every if kind == language]


def commands() -> list[str]:
    texts = [text.replace("\\\n", " ") for card in CARDS for text in blocks(card, "sh")]
    lines = (line.strip() for text in texts for line in text.split("\n"))
    # A line with a shell variable can only be parsed by a shell.
    return sorted({line for line in lines if line.startswith("hetgraph ") and "$" not in line})


def packages_in(design: str) -> list[str]:
    """Returns the names in the first column of the table of packages."""
    return re.findall(r"^\| `(\w+)` \|", design, re.MULTILINE)


@pytest.mark.parametrize("command", commands())
def test_commands_of_cards_can_be_parsed(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    import_module("hetgraph.cli.main")._parser().parse_args(words)


@pytest.mark.parametrize(
    "card", [card for card in CARDS if blocks(card, "python")], ids=lambda path: path.parent.name
)
def test_examples_of_cards_run(card: Path) -> None:
    for example in blocks(card, "python"):
        exec(compile(example, str(card), "exec"), {"__name__": "example"})


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parent.name)
def test_links_of_cards_lead_somewhere(card: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", card.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (card.parent / target).exists(), target


def test_the_design_lists_every_package_once() -> None:
    listed = packages_in((ROOT / "docs/design.md").read_text(encoding="utf-8"))
    packages = {path.parent.name for path in (ROOT / "hetgraph").glob("*/__init__.py")}
    assert len(listed) == len(set(listed))
    assert packages - TOP_LEVEL <= set(listed), "a package is missing in docs/design.md"
