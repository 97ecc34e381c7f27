from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SMALL = ("--set", "data.num_nodes=400", "--set", "train.max_epochs=2", "--set", "train.device=cpu")


def test_a_run_ends_with_its_table_and_record(hetgraph: Callable, tmp_path: Path) -> None:
    code, out, _ = hetgraph("train", "rphgnn", *SMALL, "--seed", "3", "--out", "run")
    assert code == 0
    record = json.loads((tmp_path / "run/result.json").read_text())
    assert {
        "model": "rphgnn",
        "dataset": "synthetic/academic",
        "seed": 3,
        "epochs": 2,
    }.items() <= record.items()
    assert {"load", "prepare", "fit", "evaluate"} == record["seconds"].keys()
    assert record["config"]["train"]["max_epochs"] == 2
    assert "rphgnn on synthetic/academic, seed 3" in out
    heading = next(line for line in out.splitlines() if "micro_f1" in line)
    for split in ("train", "valid", "test"):
        (row,) = (line for line in out.splitlines() if line.startswith(f"│ {split} "))
        column = [cell.strip() for cell in heading.split("┃")].index("micro_f1")
        assert row.split("│")[column].strip() == f"{record['metrics'][split]['micro_f1']:.4f}"
    assert f"{record['parameters']:,}" in out
    assert "run/result.json" in out


def test_the_settings_of_a_run_repeat_it(hetgraph: Callable, tmp_path: Path) -> None:
    assert hetgraph("train", "rphgnn", *SMALL, "--out", "one").code == 0
    code, _, _ = hetgraph("train", "rphgnn", "--config", "one/config.yaml", "--out", "two")
    assert code == 0
    one, two = (json.loads((tmp_path / run / "result.json").read_text()) for run in ("one", "two"))
    assert one["config"] == two["config"]
    assert one["metrics"] == two["metrics"]


def test_without_the_experiment_file(hetgraph: Callable, tmp_path: Path) -> None:
    assert hetgraph("train", "rphgnn", *SMALL, "--out", "tuned").code == 0
    assert hetgraph("train", "rphgnn", *SMALL, "--no-experiment", "--out", "plain").code == 0
    tuned, plain = (
        json.loads((tmp_path / run / "result.json").read_text())["config"]["model"]
        for run in ("tuned", "plain")
    )
    assert (tuned["noise_dim"], plain["noise_dim"]) == (64, 256)
    assert "--no-experiment" in (tmp_path / "plain/config.yaml").read_text()
    assert "--no-experiment" not in (tmp_path / "tuned/config.yaml").read_text()


def test_a_finished_run_is_not_trained_again(hetgraph: Callable, tmp_path: Path) -> None:
    words = ("train", "rphgnn", *SMALL, "--out", "run")
    assert hetgraph(*words).code == 0
    before = (tmp_path / "run/result.json").stat().st_mtime_ns
    assert hetgraph(*words, "--resume").code == 0
    assert (tmp_path / "run/result.json").stat().st_mtime_ns == before
    code, _, err = hetgraph(*words)
    assert code == 2
    assert "finished run" in err


def test_without_out_every_run_gets_a_new_folder(hetgraph: Callable, tmp_path: Path) -> None:
    for _ in range(2):
        assert hetgraph("train", "rphgnn", *SMALL).code == 0
    assert len(list(tmp_path.glob("runs/*/result.json"))) == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("rphgn",), "unknown model 'rphgn'. Did you mean 'rphgnn'?"),
        (("rphgnn", "hgb/DBPL"), "unknown data set 'hgb/DBPL'. Did you mean 'hgb/DBLP'?"),
        (("rphgnn", "hbg:./x"), "unknown format 'hbg'. Did you mean 'hgb'?"),
        (("rphgnn", "tables:./none"), "does not exist"),
        (("rphgnn", "--set", "train.max_epoch=3"), "Did you mean 'max_epochs'?"),
        (("rphgnn", "--set", "train.lr=fast"), "expected a number"),
        (("rphgnn", "--set", "train.lr=-1"), "expected a positive number"),
        (("rphgnn", "--set", "train.lr"), "key=value"),
        (("rphgnn", "--set", "data.num_node=3"), "Did you mean 'num_nodes'?"),
        (("rphgnn", "--config", "none.yaml"), "none.yaml does not exist"),
        (("rphgnn", "--metapath", "author-paper-author"), "takes no meta-paths"),
        (("rphgnn", "--resume"), "--resume needs --out"),
        (("rphgnn", "--resume", "--out", "none"), "no run to resume"),
        (("lightgcn", "hgb/DBLP"), "is not for node-classification, which hgb/DBLP is for: it"),
        (("gph2", "diffgraph/retail_rocket"), "is not for recommendation, which diffgraph/"),
        (("lightgcn", "diffgraf/retail_rocket"), "Did you mean 'diffgraph/retail_rocket'"),
        (("rphgnn", "--seed", "one"), "invalid int value: 'one'"),
        (("rphgnn", "--seeds", "1"), "unknown option '--seeds'. Did you mean '--seed'?"),
    ],
)
def test_a_mistake_is_one_line_and_2_and_leaves_nothing(
    hetgraph: Callable, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    code, out, err = hetgraph("train", *words)
    assert (code, out) == (2, "")
    assert err.startswith("hetgraph: error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert not list(tmp_path.glob("runs/*"))


def test_an_out_that_is_a_file(hetgraph: Callable, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    for out in ("taken", "taken/run"):
        code, _, err = hetgraph("train", "rphgnn", *SMALL, "--out", out)
        assert code == 2
        assert err.count("\n") == 1
    assert (tmp_path / "taken").read_text() == "mine"


def test_other_protocols_are_rows_of_their_own(hetgraph: Callable, tmp_path: Path) -> None:
    settings = ("--set", "train.best_on_test=true", "--set", "task.test=half")
    code, out, _ = hetgraph("train", "mlp", *SMALL, *settings, "--out", "run")
    assert code == 0
    rows = [line.split("│")[1].strip() for line in out.splitlines() if line.startswith("│ test")]
    assert rows == ["test", "test, half", "test, best epoch", "test, best epoch, half"]
    record = json.loads((tmp_path / "run/result.json").read_text())
    (best,) = (line for line in out.splitlines() if line.startswith("│ test, best epoch  "))
    assert f"{record['metrics']['test']['micro_f1_best_epoch']:.4f}" in best


def test_many_metrics_are_rows_so_that_each_name_is_readable(
    hetgraph: Callable, tmp_path: Path
) -> None:
    (tmp_path / "shop/nodes").mkdir(parents=True)
    (tmp_path / "shop/edges").mkdir()
    rows = [f"{n},{n % 7}.5" for n in range(60)]
    (tmp_path / "shop/nodes/item.csv").write_text("\n".join(["id,value", *rows]))
    edges = [f"{n},{(3 * n + 1) % 60}" for n in range(60)]
    (tmp_path / "shop/edges/item__with__item.csv").write_text("\n".join(["src,dst", *edges]))
    code, out, _ = hetgraph("train", "degree", "tables:shop", "--out", "run")
    assert code == 0
    metrics = json.loads((tmp_path / "run/result.json").read_text())["metrics"]["test"]
    assert len(metrics) > 10
    rows_of = {
        cells[1].strip(): cells[-2].strip()
        for line in out.splitlines()
        if len(cells := line.split("│")) == 6
    }
    for name, value in metrics.items():
        assert rows_of[name] == ("" if value is None else f"{value:.4f}")
