from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph import HeteroGraph, load_dataset
from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.errors import ConfigError, DataError, FileFormatError, UserError
from hetgraph.io import save_tables
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task


@pytest.fixture
def folder(tmp_path: Path, toy_graph: HeteroGraph, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    labels = Labels("paper", 2, torch.arange(3), torch.tensor([0, 1, 0]), class_names=("x", "y"))
    split = Split(torch.tensor([0]), torch.tensor([1]), torch.tensor([2]))
    save_tables(
        Dataset("toy", toy_graph, labels, {"default": split}), tmp_path / "toy", format="csv"
    )
    return tmp_path / "toy"


def test_a_folder_of_tables_is_a_data_set_that_can_be_trained_on(
    folder: Path, toy_graph: HeteroGraph
) -> None:
    dataset = load_dataset(f"tables:{folder}")
    assert dataset.name == f"tables:{folder}"
    assert dataset.graph.content_hash == toy_graph.content_hash
    task = make_task(dataset, seeds=Seeds.from_seed(0))
    assert task.spec.num_outputs == 2
    assert task.index("valid").tolist() == [1]


def test_a_changed_table_is_read_again(folder: Path) -> None:
    first = load_dataset(f"tables:{folder}").graph.content_hash
    assert load_dataset(f"tables:{folder}").graph.content_hash == first
    path = folder / "nodes" / "paper.csv"
    path.write_text(path.read_text().replace("3", "4"))
    assert load_dataset(f"tables:{folder}").graph.content_hash != first


def test_files_elsewhere_are_read_without_the_cache(folder: Path, tmp_path: Path) -> None:
    path = folder / "nodes" / "paper.csv"
    path.rename(tmp_path / "elsewhere.csv")
    declaration = folder / "tables.yaml"
    text = declaration.read_text().replace("nodes/paper.csv", "../elsewhere.csv")
    declaration.write_text(text)
    first = load_dataset(f"tables:{folder}").graph.content_hash
    path = tmp_path / "elsewhere.csv"
    path.write_text(path.read_text().replace("3", "4"))
    assert load_dataset(f"tables:{folder}").graph.content_hash != first


def test_bad_paths_and_names_are_one_clear_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases: list[tuple[str, type[UserError], str]] = [
        (f"tables:{tmp_path / 'nowhere'}", DataError, "does not exist"),
        (f"tables:{tmp_path / 'empty'}", FileFormatError, "has no tables"),
        (f"tables:{folder / 'tables.yaml'}", FileFormatError, "is not a folder"),
        ("tables/toy", ConfigError, "unknown data set 'tables/toy'"),
        (f"tabels:{folder}", ConfigError, "Did you mean 'tables'"),
    ]
    for name, error, expected in cases:
        with pytest.raises(error, match=expected) as caught:
            load_dataset(name)
        assert "\n" not in str(caught.value)
    (folder / "edges" / "author__writes__paper.csv").unlink()
    with pytest.raises(FileFormatError, match="there is no such file"):
        load_dataset(f"tables:{folder}")
