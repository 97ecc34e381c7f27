"""`hetgraph predict`: files, previews, and what is told before the work."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import hetgraph as package
from hetgraph.data import HeteroGraph, Relation
from hetgraph.runs import Fitted

QUICK = {"train": {"max_epochs": 1, "device": "cpu"}}
LEARNED = {**QUICK, "data": {"standins": None}}


@pytest.fixture
def run(hetgraph: Callable) -> Callable[..., Callable]:
    """Makes a shop, trains a model on it, and returns the command that asks it."""

    def trained(task: str = "churn") -> Callable:
        words = ["--users", "150", "--items", "60", "--clean"]
        assert hetgraph("datasets", "make", "shop", "shop", *words).code == 0
        package.fit("rgcn", "tables:shop", target=task, settings=LEARNED, progress=False, out="run")

        def ask(*more: object):
            return hetgraph("predict", "run", *map(str, more))

        return ask

    return trained


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_of_all_nodes_in_every_form(run: Callable) -> None:
    ask = run()
    code, out, err = ask("--nodes", "all", "--out", "p.csv")
    assert (code, out, err) == (0, "150 rows in p.csv\n", "")
    assert ask("--out", "p.parquet").code == ask("--out", "p.jsonl").code == 0
    listed = rows("p.csv")
    assert [*listed[0]] == ["id", "prediction", "probability", "p_no", "p_yes"]
    table = pq.read_table("p.parquet").to_pylist()
    lines = [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]
    assert len(listed) == len(table) == len(lines) == 150
    for a, b, c in zip(listed, table, lines, strict=True):
        assert int(a["id"]) == b["id"] == c["id"]
        assert a["prediction"] == b["prediction"] == c["prediction"]
        assert float(a["p_no"]) == pytest.approx(b["p_no"]) == c["p_no"]


def test_some_nodes_by_ids_or_a_file(run: Callable) -> None:
    ask = run()
    assert ask("--nodes", 1003, 1001, "--out", "p.csv").code == 0
    assert [row["id"] for row in rows("p.csv")] == ["1003", "1001"]
    Path("ask.txt").write_text("1003\n1001\n")
    assert ask("--nodes", "ask.txt", "--out", "q.csv").code == 0
    assert Path("q.csv").read_text() == Path("p.csv").read_text()


@pytest.mark.parametrize("task", ["churn", "buys"])
def test_the_file_is_the_same_whatever_the_size_of_blocks(task: str, run: Callable) -> None:
    ask = run(task)
    assert ask("--out", "p.csv").code == 0
    for size in (1, 7, 1000):
        assert ask("--out", "q.csv", "--batch-rows", size).code == 0
        assert Path("q.csv").read_bytes() == Path("p.csv").read_bytes()


def test_candidates_pairs_and_vectors(run: Callable) -> None:
    ask = run("buys")
    assert ask("--nodes", 1001, "--top", 3, "--out", "p.csv").code == 0
    listed = rows("p.csv")
    assert [row["rank"] for row in listed] == ["1", "2", "3"]
    Path("pairs.csv").write_text("src,dst\n" + "".join(f"1001,{r['dst']}\n" for r in listed))
    assert ask("--pairs", "pairs.csv", "--out", "q.csv").code == 0
    for pair, row in zip(rows("q.csv"), listed, strict=True):
        assert pair["dst"] == row["dst"]
        assert float(pair["score"]) == pytest.approx(float(row["score"]), rel=1e-4)
    assert ask("--relation", "buys", "--top", 1, "--out", "r.csv").code == 0
    assert len(rows("r.csv")) == 150
    assert ask("--embeddings", "--out", "v.csv").code == 0
    assert len(rows("v.csv")) == 150 + 60
    assert "embedding_0" in rows("v.csv")[0]


def test_several_classes_of_a_node_are_one_text(hetgraph: Callable) -> None:
    rates = Relation.from_edges(torch.arange(20), torch.arange(20).roll(3), 20, 20)
    graph = HeteroGraph(
        num_nodes={"user": 20},
        relations={("user", "rates", "user"): rates},
        features={"user": torch.randn(20, 3)},
    )
    marks = pd.DataFrame(torch.rand(20, 3).gt(0.4).numpy(), columns=["a", "b", "c"])
    package.fit("rgcn", graph, target=("user", marks), settings=QUICK, progress=False, out="run")
    for name in ("p.csv", "p.parquet"):
        assert hetgraph("predict", "run", "--out", name).code == 0
    lists = pq.read_table("p.parquet").column("prediction").to_pylist()
    assert any(len(names) > 1 for names in lists)
    assert [row["prediction"] for row in rows("p.csv")] == ["|".join(names) for names in lists]


def test_the_first_rows_are_shown(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = run()
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = ask("--embeddings")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "--out FILE writes all" in out
    assert all(name in out for name in ("prediction", "probability", "p_yes", "1001", "1010"))
    assert "1011" not in out
    assert "…" not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nodes", "nobody", "zz"], "2 of 2 ids are not those of 'user' nodes: 'nobody', 'zz'"),
        (["--pairs", "x.csv", "--nodes", "1001"], "--nodes and --pairs are both given"),
        (["--relation", "buys"], "a relation is given, but node-classification is about nodes"),
        (["--batch-rows", "0"], "a block has 0 rows, expected 1 or more"),
        (["tables:nope"], "nope does not exist"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], message: str, run: Callable) -> None:
    ask = run()
    Path("p.csv").write_text("older answers")
    code, out, err = ask(*words, "--out", "p.csv")
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert Path("p.csv").read_text() == "older answers"
    assert not [*Path().glob("*.tmp*")]


def test_a_wrong_ending_is_told_before_the_model_is_read(hetgraph: Callable) -> None:
    code, _, err = hetgraph("predict", "nothing", "--out", "p.xlsx")
    assert code == 2
    assert "'.xlsx' is unknown; expected one of .parquet, .csv, .jsonl" in err
    code, _, err = hetgraph("predict", "nothing", "--out", "p.csv")
    assert code == 2
    assert "nothing holds no result.json" in err


def test_an_interrupted_file_is_not_there(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = run()
    batches = Fitted.batches

    def broken(self: Fitted, *words: object, **options: object):
        yield next(batches(self, *words, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(Fitted, "batches", broken)
    assert ask("--out", "p.csv").code != 0
    assert not [*Path().glob("*p.csv*")]
