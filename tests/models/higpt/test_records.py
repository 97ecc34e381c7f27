"""Files of the authors: read and checked, and nothing in them is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.models.higpt.instructions.graph_file import (
    GraphFile,
    read_graph_file,
    write_graph_file,
)
from hetgraph.models.higpt.instructions.records import (
    GraphRef,
    Record,
    read_records,
    write_records,
)
from hetgraph.models.higpt.instructions.templates import read_templates


def record(**changes: Any) -> dict[str, Any]:
    """One instruction as the authors write it."""
    made = {
        "id": "imdb_test_7",
        "graph": {"graph": "g/7.pt", "node_idx": 7, "keys_order": ["movie", "actor"], "label": 2},
        "conversations": [
            {"from": "human", "value": "movie: <graph> actor: <graph> Which?"},
            {"from": "gpt", "value": "drama"},
        ],
    }
    return {**made, **changes}


def write(folder: Path, *content: object) -> Path:
    path = folder / "ann.json"
    path.write_text(json.dumps(list(content)))
    return path


def test_instructions_are_read_and_written_back(tmp_path: Path) -> None:
    solved = record(
        context_graph=[{"graph": "g/1.pt", "keys_order": ["movie"]}],
        conversations=[{"from": "human", "value": "<graph> a. <graph> <graph>"}],
    )
    captions = {"graph": record()["graph"], "des_dict": {"movie": ["one"]}}
    path = write(tmp_path, record(), solved, captions)
    actual = read_records(path)
    assert actual[0].graph == GraphRef("g/7.pt", ("movie", "actor"), 7, 2)
    assert (actual[0].answer, actual[1].answer) == ("drama", "")
    assert actual[1].context == (GraphRef("g/1.pt", ("movie",)),)
    assert actual[2].captions == {"movie": ["one"]}
    write_records(tmp_path / "again.json", actual)
    assert read_records(tmp_path / "again.json") == actual
    assert json.loads((tmp_path / "again.json").read_text())[0] == record()


def test_what_is_wrong_with_an_instruction_is_told(tmp_path: Path) -> None:
    few = record(conversations=[{"from": "human", "value": "<graph> Which?"}])
    for content, message in (
        (few, "instruction 1: its text has 1 <graph> blocks, but keys_order lists 2"),
        ({"id": "x"}, "instruction 1: 'graph' is missing"),
        (record(graph={"graph": "a", "keys_order": "movie"}), "expected a list of node types"),
        (record(conversations=[]), "neither a turn of 'human'"),
    ):
        with pytest.raises(FileFormatError, match=message):
            read_records(write(tmp_path, record(), content))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(FileFormatError, match="cannot be read as JSON"):
        read_records(tmp_path / "bad.json")


def test_graph_files_must_be_there_and_below_the_root(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"'g/7.pt' is not below"):
        read_records(write(tmp_path, record()), tmp_path)
    outside = record(graph={**record()["graph"], "graph": "../../etc/passwd"})
    with pytest.raises(FileFormatError, match="lies outside"):
        read_records(write(tmp_path, outside), tmp_path)


@pytest.fixture
def graph() -> GraphFile:
    key = EdgeType("actor", "to", "movie")
    x = {"movie": torch.randn(2, 3), "actor": torch.randn(3, 3)}
    return GraphFile(x, {key: torch.tensor([[0, 2, 2], [0, 1, 1]])}, {"movie": torch.randn(2, 4)})


def test_graph_files_are_read_without_pyg(graph: GraphFile, tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric", reason="torch-geometric is not installed")
    write_graph_file(tmp_path / "one.pt", graph)
    actual = read_graph_file(tmp_path / "one.pt")
    assert all(torch.equal(actual.x[name], x) for name, x in graph.x.items())
    assert all(torch.equal(actual.edges[key], pair) for key, pair in graph.edges.items())
    assert actual.tokens is not None
    assert torch.equal(actual.tokens["movie"], graph.tokens["movie"])
    part = actual.subgraph()
    assert part.relations[EdgeType("actor", "to", "movie")].degree.tolist() == [1, 2]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code ran')",)


def test_a_file_that_asks_for_code_is_refused(tmp_path: Path) -> None:
    torch.save(Evil(), tmp_path / "evil.pt")
    with pytest.raises(FileFormatError, match=r"\.exec, which is not among the allowed"):
        read_graph_file(tmp_path / "evil.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(FileFormatError, match=r"not a file that torch\.save writes"):
        read_graph_file(tmp_path / "text.pt")
    torch.save({"a": 1}, tmp_path / "dict.pt")
    with pytest.raises(FileFormatError, match="no heterogeneous graph"):
        read_graph_file(tmp_path / "dict.pt")


def test_edges_to_nowhere_are_refused(graph: GraphFile, tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric", reason="torch-geometric is not installed")
    key = EdgeType("actor", "to", "movie")
    write_graph_file(tmp_path / "one.pt", GraphFile(graph.x, {key: torch.tensor([[9], [0]])}))
    with pytest.raises(FileFormatError, match=r"names a actor outside 0\.\.2"):
        read_graph_file(tmp_path / "one.pt")


def test_prompts_come_from_a_file_that_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "prompts.yaml"
    path.write_text('cue: "Say it."\n')
    changed = read_templates(path)
    assert changed.cue == "Say it."
    assert changed.question == read_templates().question
    for text, message in (
        ("qestion: hi", "Did you mean 'question'"),
        ("cue: 3", "expected a text"),
        ('question: "{klasses}"', "asks for {klasses}. Did you mean 'classes'"),
        ('block: "{type}"', "has 0 <graph> blocks, expected 1"),
        ('question: "{"', "braces"),
    ):
        path.write_text(text)
        with pytest.raises(FileFormatError, match=message):
            read_templates(path)


def test_a_run_is_written_in_the_format_of_the_authors(
    trained: Callable[..., Any], text_dataset: Any, tmp_path: Path
) -> None:
    pytest.importorskip("torch_geometric", reason="torch-geometric is not installed")
    from types import SimpleNamespace

    from hetgraph.models.higpt.export import export_instructions
    from hetgraph.models.higpt.rationales import TemplateProvider
    from hetgraph.seeds import Seeds

    model, task, _ = trained(train={"max_epochs": 1})
    run = SimpleNamespace(
        model=model,
        task=task,
        folder=tmp_path,
        inputs=model.prepare(task, seeds=Seeds()),
        record=SimpleNamespace(dataset="toy/text"),
    )
    root = tmp_path / "direct"
    assert export_instructions(run, "test", root) == 10
    held_out = read_records(next(root.glob("ann/*.json")), root)
    assert {record.answer for record in held_out} == {""}
    assert all(record.graph.label is None for record in held_out)
    styled = tmp_path / "styled"
    export_instructions(run, "train", styled, style=1, provider=TemplateProvider())
    actual = read_records(next(styled.glob("ann/*cot_1*.json")), styled)
    assert len(actual) == 20
    for record in actual:
        assert record.answer.startswith("Answer: ")
        assert "synthetic" in record.teacher
        graph = read_graph_file(styled / record.graph.path)
        assert torch.equal(graph.x["paper"][0], run.inputs.corpus.x["paper"][record.graph.node])
    with pytest.raises(ConfigError, match="only for the split 'train'"):
        export_instructions(run, "test", tmp_path / "no", style=1, provider=TemplateProvider())
    with pytest.raises(ConfigError, match="is not empty"):
        export_instructions(run, "train", styled)


def test_records_of_one_kind_are_equal() -> None:
    ref = GraphRef("a.pt", ("movie",))
    assert Record("1", "<graph>", "x", ref) == Record("1", "<graph>", "x", ref)
