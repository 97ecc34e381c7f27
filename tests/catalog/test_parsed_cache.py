from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Links, Split, Values
from hetgraph.catalog.parsed_cache import (
    cache_key,
    load_cached,
    read_dataset,
    store_cached,
    write_dataset,
)
from hetgraph.data import HeteroGraph, Hypergraph
from hetgraph.errors import FileFormatError, UserError


@pytest.fixture
def dataset(toy_graph: HeteroGraph) -> Dataset:
    target = torch.tensor([[True, False], [True, True]])
    graph = toy_graph.replace(text={"venue": pa.array(["Conference \u00e9"])})
    return Dataset(
        "demo/toy",
        graph,
        {
            "labels": Labels("paper", 2, torch.tensor([0, 2]), target, True, ("a", "b")),
            "held": Links((graph.edge_types[0],), None, torch.tensor([[0, 1], [2, 0]])),
        },
        splits={
            "20": Split(torch.tensor([0]), torch.tensor([1]), torch.tensor([2])),
            "default": Split(torch.tensor([2]), None, torch.tensor([0])),
        },
        metapaths={"APA": "author-paper-author"},
        info={"counts": {"lines": 3}, "files": {"a": "0"}},
    )


def test_round_trip_keeps_everything(dataset: Dataset, tmp_path: Path) -> None:
    write_dataset(dataset, tmp_path / "set")
    loaded = read_dataset(tmp_path / "set")
    assert loaded.graph.content_hash == dataset.graph.content_hash
    assert loaded.graph.schema == dataset.graph.schema
    assert (loaded.name, loaded.metapaths, loaded.info) == (
        dataset.name,
        dataset.metapaths,
        dataset.info,
    )
    assert loaded.labels is not None
    assert dataset.labels is not None
    assert loaded.labels.class_names == ("a", "b")
    assert torch.equal(loaded.labels.target, dataset.labels.target)
    assert torch.equal(loaded.labels.index, dataset.labels.index)
    assert list(loaded.splits) == ["20", "default"]  # The first one stays the default.
    assert loaded.splits["default"].valid is None
    assert loaded.splits["20"].valid is not None
    assert loaded.splits["20"].valid.tolist() == [1]
    assert loaded.links["held"].edge_type == dataset.links["held"].edge_type
    assert loaded.links["held"].test.tolist() == [[0, 1], [2, 0]]


def test_round_trip_of_values_and_hypergraphs(toy_graph: HeteroGraph, tmp_path: Path) -> None:
    target = torch.tensor([1e17 + 1, 0.1], dtype=torch.float64)
    values = Values("paper", torch.tensor([2, 0]), target, "views")
    one, two = (
        Hypergraph.from_sets(
            sets, [1] * len(sets), num_nodes=toy_graph.num_nodes, type_names=["é", "b"]
        )
        for sets in ([[0, 5], [3]], [[1, 2, 4]])
    )
    dataset = Dataset("demo/v", toy_graph, values, hypergraphs={"z": one, "a": two})
    write_dataset(dataset, tmp_path / "set")
    loaded = read_dataset(tmp_path / "set")
    assert loaded.values is not None
    assert (loaded.values.node_type, loaded.values.name) == ("paper", "views")
    assert torch.equal(loaded.values.index, values.index)
    assert torch.equal(loaded.values.target, target)
    assert list(loaded.hypergraphs) == ["z", "a"]  # The first one stays the default.
    for name, other in dataset.hypergraphs.items():
        again = loaded.hypergraphs[name]
        assert again.type_names == ("é", "b")
        assert dict(again.node_types) == dict(toy_graph.num_nodes)
        assert torch.equal(again.incidence.to_dense(), other.incidence.to_dense())
        assert torch.equal(again.edge_type, other.edge_type)


def test_a_set_without_labels(toy_graph: HeteroGraph, tmp_path: Path) -> None:
    write_dataset(Dataset("bare", toy_graph), tmp_path / "set")
    loaded = read_dataset(tmp_path / "set")
    assert (loaded.labels, dict(loaded.splits), dict(loaded.links)) == (None, {}, {})
    assert (loaded.values, dict(loaded.hypergraphs)) == (None, {})


def test_foreign_folders_are_not_replaced(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="will not replace"):
        write_dataset(dataset, tmp_path)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("victim", ["dataset.json", "dataset.safetensors", "graph/schema.json"])
def test_a_damaged_cache_is_ignored_and_written_anew(
    dataset: Dataset, tmp_path: Path, victim: str
) -> None:
    folder = tmp_path / "set"
    store_cached(dataset, folder)
    (folder / victim).write_bytes((folder / victim).read_bytes()[:20])
    with pytest.raises(FileFormatError):
        read_dataset(folder)
    assert load_cached(folder) is None
    store_cached(dataset, folder)
    assert load_cached(folder) is not None


def test_an_unwritable_cache_is_not_fatal(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store_cached(dataset, tmp_path / "file" / "set")
    assert load_cached(tmp_path / "file" / "set") is None


def test_key_depends_on_loader_files_and_options() -> None:
    keys = {
        cache_key("v1", {"a": "0"}, {}),
        cache_key("v2", {"a": "0"}, {}),
        cache_key("v1", {"a": "1"}, {}),
        cache_key("v1", {"b": "0"}, {}),
        cache_key("v1", {"a": "0"}, {"seed": 1}),
    }
    assert len(keys) == 5
    assert cache_key("v", {}, {"a": 1, "b": 2}) == cache_key("v", {}, {"b": 2, "a": 1})
