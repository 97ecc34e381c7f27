"""`hetgraph higpt` on runs of a small graph with texts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch

from hetgraph.cli import main
from hetgraph.tensorfile import load_tensors


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write below the current folder and the caches: none of them is the user's."""
    monkeypatch.setenv("HETGRAPH_DATA", str(tmp_path / "root"))
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """An HGB folder: 30 papers of two areas with titles, six authors."""
    folder = tmp_path / "data"
    folder.mkdir()
    topics = ("query index", "radio channel")
    papers = [f"{i}\t{topics[i % 2]} {i}\t0\t" for i in range(30)]
    authors = [f"{30 + i}\tPerson {i}\t1\t" for i in range(6)]
    (folder / "node.dat").write_text("\n".join(papers + authors) + "\n")
    links = [(i, 30 + i % 6) for i in range(30)]
    rows = [f"{a}\t{b}\t0\t1.0" for a, b in links] + [f"{b}\t{a}\t1\t1.0" for a, b in links]
    (folder / "link.dat").write_text("\n".join(rows) + "\n")
    label = [f"{i}\t\t0\t{i % 2}" for i in range(30)]
    (folder / "label.dat").write_text("\n".join(label[:20]) + "\n")
    (folder / "label.dat.test").write_text("\n".join(label[20:]) + "\n")
    info = {
        "node.dat": {"0": "paper", "1": "author"},
        "label.dat": {"node type": {"0": {"0": "databases", "1": "radio"}}},
    }
    (folder / "info.dat").write_text(json.dumps(info))
    return folder


def train(graph: Path, out: Path, *settings: str, seed: int = 0) -> None:
    words = ["train", "higpt", f"hgb:{graph}", "--out", str(out), "--set", "train.device=cpu"]
    words += ["--seed", str(seed)]
    words += [word for setting in settings for word in ("--set", setting)]
    assert main(words) == 0


def test_a_tokenizer_is_asked_about_nodes(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    train(graph, out, "stage=tokenizer", "train.max_epochs=2", "class_names=[query index, radio]")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("3\nabc\n999\n4 why?\nq\n5\n"))
    assert main(["higpt", "chat", str(out)]) == 0
    shown, told = capsys.readouterr()
    assert "paper 20: query index 20" in shown
    assert "paper 3: radio channel 3" in shown
    assert "expected a number from 0 to 29" in shown
    assert "no language model" in shown
    assert "paper 5" not in shown
    assert "'abc' is no node id" in told
    assert shown.count("score") == 2


def test_the_tokenizer_of_other_graphs_is_trained_once(graph: Path, tmp_path: Path) -> None:
    settings = [f"sources=[hgb:{graph}]", "freeze=true", "model.source_epochs=1"]
    kept, weights = {}, {}
    for seed in (0, 1):
        out = tmp_path / f"run{seed}"
        train(graph, out, *settings, "train.max_epochs=1", seed=seed)
        (folder,) = (tmp_path / "cache" / "tokenizers").iterdir()
        kept[seed] = (folder / "model.json").stat().st_mtime_ns
        weights[seed] = load_tensors(out / "model" / "parameters.safetensors")
    assert kept[0] == kept[1]
    of_sources = load_tensors(folder / "parameters.safetensors")
    same = [key for key in of_sources if key.startswith("tokenizer.")]
    assert same
    for actual in weights.values():
        assert all(torch.equal(actual[key], of_sources[key]) for key in same)


def test_wrong_words_are_told(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["higpt", "chat", str(tmp_path)]) == 2
    assert "holds no result.json" in capsys.readouterr().err
    out = tmp_path / "run"
    train(graph, out, "train.max_epochs=1")
    assert main(["higpt", "chat", str(out), "--node", "77"]) == 2
    assert main(["higpt", "compare", str(out)]) == 2
    assert "for runs of the stages" in capsys.readouterr().err
    assert main(["higpt"]) == 0


def test_a_language_model_answers_and_is_compared(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers", reason="the extra llm is not installed")
    out = tmp_path / "run"
    train(
        graph,
        out,
        "stage=instructions",
        "model.language.model=tiny",
        "model.language.max_length=3000",
        "train.max_epochs=1",
        "task.shots=2",
        "task.test_nodes=4",
    )
    capsys.readouterr()
    assert main(["higpt", "chat", str(out), "--node", "3", "--question", "What is it?"]) == 0
    assert "radio" in capsys.readouterr().out
    assert main(["higpt", "compare", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "graph tokens on 4 test nodes" in shown
    assert "McNemar" in shown
    answers = tmp_path / "answers.json"
    words = ["higpt", "answers", str(out), "--limit", "3", "--tokens", "4", "--out", str(answers)]
    assert main(words) == 0
    assert "parse_rate" in capsys.readouterr().out
    rows = json.loads(answers.read_text())
    assert [sorted(row) for row in rows] == 3 * [["id", "node_idx", "res"]]
    assert main([*words[:3], "--limit", "0"]) == 2


def test_rationales_are_written_and_trained_on(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers", reason="the extra llm is not installed")
    pytest.importorskip("torch_geometric", reason="torch-geometric is not installed")
    settings = ["stage=instructions", "model.language.model=tiny", "train.max_epochs=1"]
    settings += ["model.language.max_length=3000", "task.shots=2", "task.test_nodes=4"]
    train(graph, tmp_path / "plain", *settings)
    thoughts = tmp_path / "thoughts"
    words = ["higpt", "instructions", str(tmp_path / "plain"), "--style", "1"]
    assert main([*words, "--out", str(thoughts)]) == 0
    (file,) = (thoughts / "ann").iterdir()
    settings.append(f"model.language.files=[{file}]")
    train(graph, tmp_path / "taught", *settings)
    losses = []
    for name in ("plain", "taught"):
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        losses.append(json.loads(lines[0])["train"]["loss"])
    assert losses[0] != losses[1]  # other words were learned
    # Of other shots, some of the nodes are test nodes: their answers are refused.
    capsys.readouterr()
    words = ["train", "higpt", f"hgb:{graph}", "--out", str(tmp_path / "x"), "--seed", "5"]
    words += [word for setting in settings for word in ("--set", setting)]
    assert main(words) == 2
    assert "which is no training node of this run" in " ".join(capsys.readouterr().err.split())
