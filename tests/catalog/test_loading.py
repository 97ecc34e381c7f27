from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog import Dataset, loading
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.loading import dataset_info, dataset_names, fetch_dataset
from hetgraph.catalog.manifest import FileEntry, Manifest
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.files import sha256_file


class Demo(Collection):
    """Edge lists ``a b``; counts how often a file is parsed."""

    name = "demo"
    options: ClassVar[dict[str, Any]] = {"size": 3}
    parsed: ClassVar[int] = 0
    folder: ClassVar[Path] = Path()

    def names(self) -> tuple[str, ...]:
        return ("One",)

    def manifest(self, name: str) -> Manifest:
        path = self.folder / "good.txt"
        entry = FileEntry("edges.txt", path.stat().st_size, sha256_file(path), ())
        edges = {"x -to> x": 2}
        return Manifest("demo", name, files=(entry,), statistics={"edges": edges}, licence="free")

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        return self._read(files.path("edges.txt"), **options)

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        return self._read(path / "edges.txt", **options)

    def folder_files(self, path: Path) -> tuple[Path, ...]:
        return (path / "edges.txt",)

    def _read(self, path: Path, size: int = 3) -> Dataset:
        type(self).parsed += 1
        pairs = [[int(word) for word in line.split()] for line in path.read_text().splitlines()]
        src, dst = torch.tensor(pairs).T
        relation = Relation.from_edges(src, dst, size, size)
        graph = HeteroGraph(num_nodes={"x": size}, relations={EdgeType("x", "to", "x"): relation})
        return Dataset("demo", graph)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that holds ``demo/One``, with the collection registered."""
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(loading, "all_collections", lambda: [Demo()])
    monkeypatch.setattr(Demo, "parsed", 0)
    monkeypatch.setattr(Demo, "folder", tmp_path)
    folder = tmp_path / "data" / "demo" / "One"
    folder.mkdir(parents=True)
    (tmp_path / "good.txt").write_text("0 1\n1 2\n")
    shutil.copy(tmp_path / "good.txt", folder / "edges.txt")
    return tmp_path / "data"


def test_second_load_comes_from_the_cache(root: Path) -> None:
    first, second = (load_dataset("demo/One", root) for _ in range(2))
    assert Demo.parsed == 1
    assert first.name == second.name == "demo/One"
    assert first.graph.content_hash == second.graph.content_hash
    assert second.info["licence"] == "free"
    assert list(second.info["files"]) == ["edges.txt"]
    load_dataset("demo/One", root, cache=False)
    assert Demo.parsed == 2


def test_options_and_loader_version_are_part_of_the_cache_key(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_dataset("demo/One", root)
    assert load_dataset("demo/One", root, size=4).graph.num_nodes["x"] == 4
    monkeypatch.setattr(Demo, "version", 2)
    load_dataset("demo/One", root)
    assert Demo.parsed == 3


def test_unusable_caches_are_not_fatal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(root / "demo" / "One" / "edges.txt"))
    assert load_dataset("demo/One", root).graph.num_edges == 2


def test_a_read_only_root_works(root: Path) -> None:
    folder = root / "demo" / "One"
    before = sorted(root.rglob("*"))
    for path in (folder, root):
        path.chmod(0o555)
    try:
        load_dataset("demo/One", root)
    finally:
        for path in (root, folder):
            path.chmod(0o755)
    assert sorted(root.rglob("*")) == before  # Nothing is written beside the data.


def test_values_that_are_not_the_published_ones_are_refused(root: Path) -> None:
    for path in (root.parent / "good.txt", root / "demo" / "One" / "edges.txt"):
        path.write_text("0 1\n")
    with pytest.raises(DataError, match=r"demo/One: edges: x -to> x: expected 2, found 1"):
        load_dataset("demo/One", root)


def test_a_folder_is_cached_by_content(root: Path) -> None:
    folder = root / "demo" / "One"
    for _ in range(2):
        assert load_dataset(f"demo:{folder}").name == f"demo:{folder}"
    assert Demo.parsed == 1
    (folder / "edges.txt").write_text("0 1\n1 2\n2 0\n")
    assert load_dataset(f"demo:{folder}").graph.num_edges == 3
    assert Demo.parsed == 2


def test_a_corrupt_file_is_refused_before_it_is_parsed(root: Path) -> None:
    (root / "demo" / "One" / "edges.txt").write_text("0 1\n1 1\n")
    with pytest.raises(DataError, match=r"edges\.txt has sha256"):
        load_dataset("demo/One", root)
    assert Demo.parsed == 0


def test_a_missing_file_without_address_names_the_folder(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path / "empty" / "demo" / "One")):
        fetch_dataset("demo/One", tmp_path / "empty")
    assert fetch_dataset("demo/One", root) == root / "demo" / "One"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hgb/DPLB", "Did you mean 'hgb/DBLP'"),
        ("hgb/acm", "Did you mean 'hgb/ACM'"),
        ("hbg/ACM", "Did you mean 'hgb/ACM'"),
        ("DBLP", "Did you mean one of gtn/DBLP, heco/dblp, hgb/DBLP"),
        ("Cora", "Did you mean 'planetoid/Cora'"),
        ("synthetic/academik", "Did you mean 'synthetic/academic'"),
        ("hgb/Freebase", "Known: hgb/ACM, hgb/DBLP"),
        ("", "Known: "),
        ("hbg:./x", "unknown format 'hbg'. Did you mean 'hgb'"),
        ("synthetic:./x", "not a file format"),
    ],
)
def test_unknown_names_come_with_a_suggestion(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset(name)


def test_unknown_options_and_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no option 'x'. Known: standins, structure, text"):
        load_dataset("hgb/DBLP", tmp_path, x=1)
    with pytest.raises(ConfigError, match="Did you mean 'split_seed'"):
        load_dataset("amazon/Photo", tmp_path, splitseed=1)
    with pytest.raises(ConfigError, match="Did you mean 'standins'"):
        load_dataset("hgb/DBLP", tmp_path, standin="ids")
    with pytest.raises(DataError, match="does not exist; write hgb:PATH"):
        load_dataset(f"hgb:{tmp_path / 'nowhere'}")


def test_own_data_without_its_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop.db").touch()
    with pytest.raises(ConfigError, match="name the format, too: tables:shop, for example"):
        load_dataset("shop")
    with pytest.raises(ConfigError, match=r"name the format, too: sqlite:shop.db, for example"):
        load_dataset("shop.db")
    with pytest.raises(ConfigError, match=r"hetgraph check tables:./shop tells what is read"):
        dataset_info("tables:./shop")


def test_names_and_manifests_need_no_files() -> None:
    names = dataset_names()
    assert {"hgb/DBLP", "heco/acm", "gtn/IMDB", "planetoid/Cora", "amazon/Photo"} <= set(names)
    assert dataset_info("hgb/DBLP").files[0].name == "DBLP.zip"
    with pytest.raises(ConfigError, match="unknown data set 'hgb/DPLB'"):
        dataset_info("hgb/DPLB")
