"""Instructions from files: only of training nodes, types and dims that fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.models.higpt.instructions.files import read_instructions
from hetgraph.models.higpt.instructions.graph_file import GraphFile, write_graph_file
from hetgraph.models.higpt.instructions.records import GraphRef, Record, write_records

pytest.importorskip("torch_geometric", reason="torch-geometric is not installed")

KEY = EdgeType("author", "writes", "paper")
FILL = {"paper": torch.zeros(3), "author": torch.zeros(3)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two instructions about papers 4 and 7."""
    records = []
    for node in (4, 7):
        path = f"graph_data/{node}.pt"
        x = {"paper": torch.full((2, 3), float(node)), "author": torch.ones(1, 3)}
        write_graph_file(tmp_path / path, GraphFile(x, {KEY: torch.tensor([[0, 0], [0, 1]])}))
        ref = GraphRef(path, ("paper", "author"), node, 1)
        records.append(Record(f"a_{node}", "<graph> and <graph>?", f"answer {node}", ref))
    path = tmp_path / "deeper" / "ann" / "some.json"
    path.parent.mkdir(parents=True)
    write_records(path, records)
    return path


def read(path: Path, **changes: object) -> list:
    return read_instructions(
        path, **{"fill": FILL, "edge_types": [KEY], "train": {4, 7, 9}, **changes}
    )


def test_graphs_are_found_above_and_bring_their_vectors(file: Path) -> None:
    one, other = read(file)
    assert (one.node, one.label, one.answer, one.counts) == (4, 1, "answer 4", (2, 1))
    assert other.x["paper"].unique().tolist() == [7.0]
    assert one.subgraph.relations[KEY].degree.tolist() == [1, 1]
    without = read(file, blocks=False)[0]
    assert (without.keys, without.question) == ((), " and ?")


def test_what_does_not_fit_is_told(file: Path) -> None:
    with pytest.raises(ConfigError, match="a_7 is about node 7, which is no training node"):
        read(file, train={4})
    with pytest.raises(FileFormatError, match="has paper nodes of dim 3"):
        read(file, fill={**FILL, "paper": torch.zeros(5)})
    with pytest.raises(FileFormatError, match="has edges author -writes> paper, which"):
        read(file, edge_types=[])
    ref = GraphRef("graph_data/4.pt", ("paper",), 4)
    path = file.with_name("other.json")
    write_records(path, [Record("b", "<graph>?", "", ref)])
    with pytest.raises(FileFormatError, match="b has no answer to learn"):
        read(path)
    write_records(path, [Record("b", "<graph> <graph>?", "x", ref, context=(ref,))])
    with pytest.raises(FileFormatError, match="b comes with solved examples"):
        read(path)
    write_records(path, [Record("b", "<graph>?", "x", GraphRef("graph_data/4.pt", ("term",), 4))])
    with pytest.raises(FileFormatError, match="has no term nodes"):
        read(path)
