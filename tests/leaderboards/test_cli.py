from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hetgraph.leaderboards import available, runner
from hetgraph.leaderboards.runner import BenchmarkRun, Failure

NAME = "hgb-node-classification"


def test_list(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("leaderboard")
    assert code == 0
    assert NAME in available()
    for name in available():
        assert f"│ {name} " in out


def test_show_prints_and_writes(hetgraph: Callable, tmp_path: Path) -> None:
    code, out, _ = hetgraph("leaderboard", "show", NAME, "--results", "results")
    assert code == 0
    assert "RpHGNN" in out
    assert (tmp_path / f"tables/{NAME}.md").is_file()
    assert (tmp_path / f"tables/{NAME}.html").is_file()


def test_show_without_writing(hetgraph: Callable, tmp_path: Path) -> None:
    assert hetgraph("leaderboard", "show", NAME, "--results", "results", "--no-write").code == 0
    assert not list(tmp_path.rglob("*.md"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the runner was called with; `report` is what it answers."""
    seen: dict[str, Any] = {"report": BenchmarkRun()}

    def run(*args: Any, **options: Any) -> BenchmarkRun:
        seen.update(args=args, **options)
        report: BenchmarkRun = seen["report"]
        return report

    monkeypatch.setattr(runner, "run_benchmark", run)
    return seen


def test_run_passes_its_options_on(hetgraph: Callable, asked: dict[str, Any]) -> None:
    words = ("--model", "rphgnn", "--seeds", "3", "--dataset", "hgb/ACM", "--dataset", "DBLP")
    assert hetgraph("leaderboard", "run", NAME, *words, "--rerun").code == 0
    assert asked["args"] == (NAME, "rphgnn", 3, ["hgb/ACM", "DBLP"])
    assert asked["rerun"] is True
    assert asked["keep_older"] is False
    assert hetgraph("leaderboard", "run", NAME, "--keep-older").code == 0
    assert asked["keep_older"] is True


@pytest.mark.parametrize(("trace", "code"), [("", 2), ("Traceback ...\n", 1)])
def test_failures_set_the_exit_code(
    hetgraph: Callable, asked: dict[str, Any], trace: str, code: int
) -> None:
    asked["report"].failures.append(Failure("rphgnn", "hgb/ACM", 1, "the file is missing.", trace))
    outcome = hetgraph("leaderboard", "run", NAME)
    assert outcome.code == code
    line = "hetgraph: error: rphgnn on hgb/ACM, seed 1: the file is missing.\n"
    assert outcome.err == trace + line


def test_mistakes(hetgraph: Callable) -> None:
    code, _, err = hetgraph("leaderboard", "show", "hgb-node-clasification")
    assert code == 2
    assert f"Did you mean '{NAME}'?" in err
    code, _, err = hetgraph("leaderboard", "run", NAME, "--model", "rphgn", "--results", "results")
    assert code == 2
    assert "Did you mean 'rphgnn'?" in err
