"""`hetgraph experts` on the generated graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hetgraph.cli import main

SHORT = ("--set", "model.expert.epochs=2", "--set", "model.expert.dim=8")


@pytest.fixture
def hetgraph(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Runs `hetgraph WORDS...` with caches of its own; returns exit code, stdout and stderr."""
    monkeypatch.setenv("HETGRAPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *words: (main(words), *capsys.readouterr())


def test_an_expert_is_trained_and_listed(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("experts")
    assert (code, out) == (
        0,
        "There is no expert yet; `hetgraph experts gph2 DATASET` trains one.\n",
    )
    code, out, _ = hetgraph("experts", "gph2", "synthetic/academic", *SHORT)
    assert code == 0
    assert "synthetic/academic" in out
    assert hetgraph("experts")[1] == out
    assert hetgraph("experts", "gph2", "synthetic/academic", *SHORT)[1] == out


def test_what_does_not_fit_is_told(hetgraph: Callable) -> None:
    code, _, err = hetgraph("experts", "gph2")
    assert (code, "which graph?" in err) == (2, True)
    code, _, err = hetgraph("experts", "mlp", "synthetic/academic")
    assert (code, "'mlp' has no experts" in err) == (2, True)
    code, _, err = hetgraph("experts", "gph2", "synthetic/academic", "--set", "expert.epoch=2")
    assert (code, "Did you mean 'epochs'" in err) == (2, True)
