"""`hetgraph check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hetgraph.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop/nodes").mkdir(parents=True)
    (tmp_path / "shop/edges").mkdir()
    rows = [f"u{i},{20 + i},{'ab'[i % 2]}" for i in range(10)]
    (tmp_path / "shop/nodes/user.csv").write_text("\n".join(["id,age,label", *rows]))
    (tmp_path / "shop/edges/user__knows__user.csv").write_text("src,dst\nu0,u1\n")
    return tmp_path


def test_what_would_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "tables:shop"]) == 0
    out, err = capsys.readouterr()
    assert "user: 10 rows; ids in 'id'" in out
    assert "not read: age" in out
    assert not err
    assert [*folder.iterdir()] == [folder / "shop"]  # nothing is written


def test_every_mistake_is_a_line_and_the_exit_code_is_two(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "shop/nodes/user.csv").write_text("id,label\nu0,a\nu0,b\n")
    (folder / "shop/edges/user__knows__user.csv").write_text("src,dst\nu0,u7\n")
    assert main(["check", "tables:shop"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("hetgraph: error: ")]) == 3
    assert lines[-1] == "hetgraph: 3 problems in tables:shop"
    assert main(["train", "mlp", "tables:shop", "--out", "run"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("hetgraph: error: ")]) == 3
    assert not (folder / "run").exists()


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "tables:shop", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["source"] == "tables:shop"
    assert report["problems"] == []
    assert report["targets"][0].startswith("labels (labels, the default)")


def test_a_written_declaration_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "tables:shop", "--fix", "shop/tables.yaml"]
    assert main(words) == 0
    assert main(["check", "tables:shop"]) == 0
    assert "features: age" in capsys.readouterr().out
    before = (folder / "shop/tables.yaml").read_text()
    assert main(words) == 2  # it is not replaced
    assert "exists and is not replaced" in capsys.readouterr().err
    assert (folder / "shop/tables.yaml").read_text() == before


def test_other_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "synthetic/academic"]) == 0
    assert "author: " in capsys.readouterr().out
    assert main(["check", "tables:./nowhere"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["check", "synthetic/academic", "--fix", "x.yaml"]) == 2
    assert "has no tables to declare" in capsys.readouterr().err
    assert not Path("x.yaml").exists()


def test_a_target_by_name_or_a_family(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "nodes: {user: nodes/user.csv}\n"
        "edges: [{type: [user, knows, user], file: edges/user__knows__user.csv}]\n"
        "labels: {kind: {node_type: user, column: label}}\n"
        "values: {age: {node_type: user, column: age, split: random, valid: 0.2, test: 0.2}}\n"
    )
    (folder / "shop/tables.yaml").write_text(text)
    few = ["--set", "train.max_epochs=1", "--set", "train.device=cpu", "--out"]
    assert main(["train", "mlp", "tables:shop", *few, "a"]) == 0
    err = capsys.readouterr().err
    assert "task: node-classification of 'user'\nclasses: 2; a (5), b (5)\n" in err
    family = ["--task", "node-regression"]
    assert main(["train", "mlp", "tables:shop", "--task", "age", *family, *few, "b"]) == 0
    assert "task: node-regression" in capsys.readouterr().err
    assert main(["train", "mlp", "tables:shop", "--task", "aeg", *few, "c"]) == 2
    assert "Did you mean 'age'?" in capsys.readouterr().err
