from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

pytest.importorskip("optuna")

ROOT = Path(__file__).parents[2]
FAST = ("--set", "data.num_nodes=200", "--set", "max_epochs=2", "--set", "train.device=cpu")


def test_a_search_prints_tables_that_fit_into_80_columns(hetgraph: Callable) -> None:
    code, out, err = hetgraph("tune", "rgcn", "synthetic/academic", "--trials", "3", *FAST)
    assert code == 0, err
    tables = [line for line in out.splitlines() if not line.startswith(("written to", "next:"))]
    assert max(map(len, tables)) <= 80
    for words in ("model.hidden_dim", "train.lr", "3 trials: 3 complete"):
        assert words in out
    assert "The test split was not looked at" in out
    assert "trial 3/3: complete" in err
    folder = Path("tunings/rgcn-synthetic-academic")
    written = {path.name for path in folder.iterdir()}
    assert {"best.yaml", "trials.csv", "tuning.png", "study.sqlite3"} <= written
    assert f"next: hetgraph train rgcn synthetic/academic --config {folder}/best.yaml" in out


def test_the_best_settings_can_be_trained_with(hetgraph: Callable) -> None:
    hetgraph("tune", "mlp", "--trials", "2", *FAST, "--out", "search")
    best = yaml.safe_load(Path("search/best.yaml").read_text())
    assert best["train"]["max_epochs"] == 2  # a number, not the word of the command line
    assert best["data"] == {"num_nodes": 200}
    code, _, err = hetgraph("train", "mlp", "--config", "search/best.yaml", "--out", "run")
    assert code == 0, err
    trained = yaml.safe_load(Path("run/config.yaml").read_text())
    assert trained["train"]["lr"] == best["train"]["lr"]
    assert trained["model"]["hidden_dim"] == best["model"]["hidden_dim"]


def test_the_same_command_goes_on(hetgraph: Callable) -> None:
    assert hetgraph("tune", "mlp", "--trials", "1", *FAST).code == 0
    code, _, err = hetgraph("tune", "mlp", "--trials", "2", *FAST)
    assert code == 0
    assert "going on: tunings/mlp-synthetic-academic holds 1 trial already" in err
    assert "trial 1/2" not in err
    assert "trial 2/2" in err
    code, _, err = hetgraph("tune", "mlp", "--trials", "2", *FAST, "--set", "dropout=0.1")
    assert code == 2
    assert "holds a search that asks something else" in err
    assert "model.dropout was" in err


@pytest.mark.parametrize("words", [("mlp,rgcn",), ("--model", "mlp,rgcn")])
def test_methods_are_compared(hetgraph: Callable, words: tuple[str, ...]) -> None:
    command = ("tune", *words, "synthetic/academic", "--trials", "2", *FAST)
    code, out, err = hetgraph(*command)
    assert code == 0, err
    assert "tuned methods on synthetic/academic, validation split" in out
    assert "The test split was not looked at" in out.splitlines()[-1]
    folder = Path("tunings/compare-synthetic-academic")
    assert (folder / "comparison.csv").is_file()
    for name in ("mlp", "rgcn"):
        assert (folder / name / "best.yaml").is_file()


def test_a_path_makes_a_plain_name() -> None:
    from hetgraph.cli.tune import _folder

    assert _folder(["mlp"], "tables:../my/./shop v1.2") == Path("tunings/mlp-tables-my-shop-v1.2")
    assert _folder(["mlp", "hgt"], "hgb/DBLP") == Path("tunings/compare-hgb-DBLP")


def test_a_space_of_ones_own(hetgraph: Callable) -> None:
    Path("space.yaml").write_text("hidden_dim: [4, 8]\nlr: {low: 1e-3, high: 0.1, log: true}\n")
    code, _, err = hetgraph("tune", "mlp", "--trials", "1", "--space", "space.yaml", *FAST)
    assert code == 0, err
    assert "searched: model.hidden_dim, train.lr" in err
    Path("space.yaml").write_text("- hidden_dim\n")
    code, _, err = hetgraph("tune", "mlp", "--space", "space.yaml", *FAST)
    assert code == 2
    assert "space.yaml must hold names of settings" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no model is named"),
        (("hgtt",), "unknown model 'hgtt'"),
        (("mlp", "synthetic/academic", "more"), "one argument too many: 'more'"),
        (("--model", "mlp", "rgcn", "synthetic/academic"), "--model names the models already"),
        (("mlp", "--trials", "0"), "expected at least 1"),
        (("mlp", "--time", "soon"), "expected for example 90s, 30m or 2h"),
        (("mlp,rgcn", "--space", "x.yaml"), "--space is for one model"),
        (("mlp,rgcn", "--set", "num_bases=2"), "unknown setting 'num_bases'"),
        (("degree", "nie/FB15k"), "declares no search space"),
    ],
)
def test_mistakes_are_one_line(hetgraph: Callable, words: tuple[str, ...], message: str) -> None:
    code, out, err = hetgraph("tune", *words)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert not Path("tunings").exists()


def test_missing_packages_are_told_before_the_work(
    hetgraph: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "matplotlib", None)
        code, out, err = hetgraph("tune", "mlp", "--trials", "1", *FAST)
    assert code == 0
    assert err.index("note: no picture: ") < err.index("trial 1/1")
    assert "written to tunings/mlp-synthetic-academic: best.yaml, trials.csv\n" in out
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, out, err = hetgraph("tune", "mlp", "nowhere:nothing")
    assert code == 2
    assert err.count("\n") == 1
    assert "pip install 'hetgraph[hpo]'" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_says_how_to_go_on(number: signal.Signals, tmp_path: Path) -> None:
    words = ("tune", "mlp", "synthetic/academic", "--trials", "500", *FAST)
    process = subprocess.Popen(
        [sys.executable, "-m", "hetgraph", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    best = tmp_path / "tunings/mlp-synthetic-academic/best.yaml"
    deadline = time.monotonic() + 120
    while not best.is_file() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "Give the same command again to go on" in err.splitlines()[-2]
    assert err.splitlines()[-1] == "hetgraph: interrupted"
