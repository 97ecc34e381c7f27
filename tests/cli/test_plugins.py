"""Commands of methods and of other packages, on packages written for the test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from hetgraph.cli import plugins
from hetgraph.cli.parser import Parser

COMMAND = """
def add_command(commands):
    commands.add_parser({name!r}, help="does it")
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Stands for `hetgraph.models`; writes the `cli.py` of a method whose package cannot load."""
    folder = tmp_path / "shelf_of_methods"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "models", SimpleNamespace(package="shelf_of_methods"))
    monkeypatch.setattr(plugins, "entry_points", lambda group: ())
    monkeypatch.setattr(plugins, "_of_folders", lambda: ())

    def write(method: str, text: str | None) -> None:
        (folder / method).mkdir()
        (folder / method / "__init__.py").write_text("raise RuntimeError('imported')\n")
        if text is not None:
            (folder / method / "cli.py").write_text(text)

    yield write
    for name in [name for name in sys.modules if name.split(".")[0] == "shelf_of_methods"]:
        del sys.modules[name]


def test_folders_on_top_of_the_core_are_found_without_being_imported() -> None:
    program = (
        "import sys; from hetgraph.cli import plugins\n"
        "print(*(owner for owner, _, _ in plugins._of_folders()))\n"
        "print(*(name for name in sys.modules if name.startswith('hetgraph.leaderboards')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "leaderboards benchmarks\n\n"


def add() -> tuple[list[str], list[str], str]:
    """Returns the commands, the lines about those left out and the help."""
    parser = Parser(prog="tool")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    commands.add_parser("train", help="trains")
    notes = plugins.add_plugins(commands)
    return list(commands.choices), notes, parser.format_help()


def test_the_command_of_a_method_is_found_without_its_package(shelf: Callable) -> None:
    shelf("one", COMMAND.format(name="weigh"))
    shelf("two", None)
    shelf("_private", COMMAND.format(name="hidden"))
    names, notes, text = add()
    assert (names, notes) == (["train", "weigh"], [])
    assert "does it" in text
    assert "shelf_of_methods.one" not in sys.modules
    assert add()[0] == ["train", "weigh"]  # a second parser in the same process


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nobody_has_this", "ModuleNotFoundError: No module named 'nobody_has_this'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = (", "SyntaxError"),
        ("VALUE = 1", "AttributeError: module 'shelf_of_methods.bad.cli' has no attribute"),
        (
            COMMAND.format(name="half") + "    raise ValueError('two\\nlines')",
            "ValueError: two lines",
        ),
        (COMMAND.format(name="train"), "conflicting subparser: train"),
    ],
)
def test_one_that_fails_leaves_one_line_and_no_trace(
    shelf: Callable, text: str, reason: str
) -> None:
    shelf("bad", text)
    shelf("good", COMMAND.format(name="weigh"))
    names, notes, shown = add()
    assert names == ["train", "weigh"]
    (note,) = notes
    assert note.startswith("the command of bad cannot be used (shelf_of_methods.bad.cli: ")
    assert reason in note
    assert "\n" not in note
    assert "half" not in shown
    assert shown.count("trains") == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("shelf_of_methods.one.cli", ["train", "weigh"]),
        ("shelf_of_methods.one.cli:add_command", ["train", "weigh"]),
        ("shelf_of_methods.one.cli:no_function", ["train"]),
        ("not_installed.cli", ["train"]),
        ("???", ["train"]),
    ],
)
def test_entry_points(
    shelf: Callable, monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    shelf("one", COMMAND.format(name="weigh"))
    point = EntryPoint("other", value, plugins.GROUP)
    monkeypatch.setattr(plugins, "_of_methods", lambda: ())
    monkeypatch.setattr(plugins, "entry_points", lambda group: (point,))
    names, notes, _ = add()
    assert names == expected
    assert len(notes) == 2 - len(expected)
