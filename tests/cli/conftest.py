"""Running commands in this process, and one small trained-looking run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hetgraph.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write below the current folder and the caches: none of them is the user's."""
    monkeypatch.setenv("HETGRAPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hetgraph(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs `hetgraph WORDS...` and returns exit code, stdout and stderr."""

    def run(*words: str) -> Outcome:
        try:
            code = main(words)
        except SystemExit as left:  # argparse leaves this way after --help and --version
            code = int(left.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run
