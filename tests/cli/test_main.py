from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import hetgraph as package

ROOT = Path(__file__).parents[2]
COMMANDS = ("train", "datasets", "models", "metapath", "explain")
PLUGGED = ("leaderboard", "bench", "experts", "higpt")
cli = import_module("hetgraph.cli.main")


def test_version(hetgraph: Callable) -> None:
    assert hetgraph("--version") == (0, f"hetgraph {package.__version__}\n", "")


def test_no_words_show_the_commands(hetgraph: Callable) -> None:
    code, out, err = hetgraph()
    assert (code, err) == (0, "")
    assert all(f"  {command} " in out for command in (*COMMANDS, *PLUGGED))
    assert "cannot be used" not in out


@pytest.mark.parametrize("command", [*COMMANDS, *PLUGGED])
def test_every_command_has_help(hetgraph: Callable, command: str) -> None:
    code, out, _ = hetgraph(command, "--help")
    assert code == 0
    assert out.startswith(f"usage: hetgraph {command}")


def test_a_misspelt_command_is_one_line_and_2(hetgraph: Callable) -> None:
    code, out, err = hetgraph("trian", "rphgnn")
    assert (code, out) == (2, "")
    assert err == (
        "hetgraph: error: unknown command 'trian'. Did you mean 'train'? See `hetgraph --help`.\n"
    )


def test_debug_anywhere_shows_the_traceback(hetgraph: Callable) -> None:
    for words in (("--debug", "trian"), ("trian", "--debug")):
        code, _, err = hetgraph(*words)
        assert code == 2
        assert "Traceback" in err


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (ZeroDivisionError(), 1), (OSError(28, "x"), 2)]
)
def test_exit_codes_of_failures(
    hetgraph: Callable, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(cli.models, "run", fail)
    assert hetgraph("models").code == code


def test_a_closed_pipe_is_no_failure() -> None:
    program = [sys.executable, "-m", "hetgraph", "train", "--help"]
    with subprocess.Popen(
        program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0


HELPS = [(command, "--help") for command in ("train", *PLUGGED)]


@pytest.mark.parametrize("words", [("--version",), ("--help",), *HELPS])
def test_help_needs_no_torch(words: tuple[str, ...]) -> None:
    code = (
        "import sys; from hetgraph.cli import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'scipy', 'pyarrow', 'rich', 'lightning_fabric'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
