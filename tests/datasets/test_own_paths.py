"""The user's own files load by any way to write their path, with and without the cache."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph import load_dataset
from hetgraph.errors import DataError
from hetgraph.io.folder import table_files

Build = Callable[[Path], Any]

LABELLED = "id,label\n" + "".join(f"p{number},{'xy'[number % 2]}\n" for number in range(10))


def write_tables(folder: Path) -> None:
    (folder / "nodes").mkdir()
    (folder / "edges").mkdir()
    (folder / "nodes" / "paper.csv").write_text(LABELLED)
    (folder / "edges" / "author__writes__paper.csv").write_text("src,dst\n5,p2\n4,p3\n")


def write_declared_tables(folder: Path) -> None:
    (folder / "papers.csv").write_text(LABELLED)
    (folder / "tables.yaml").write_text(
        "nodes: {paper: papers.csv}\nlabels: {node_type: paper, column: label}\n"
    )


def write_heco(folder: Path) -> None:
    (folder / "pa.txt").write_text("0\t0\n1\t1\n1\t0\n")
    np.save(folder / "labels.npy", np.array([0.0, 1.0, 1.0]))
    sp.save_npz(folder / "pap.npz", sp.eye(3, format="coo"))
    for prefix, ids in (("train", [0]), ("val", [1]), ("test", [2])):
        np.save(folder / f"{prefix}_20.npy", np.array(ids))


def write_gatne(folder: Path) -> None:
    (folder / "train.txt").write_text("1 7 3\n1 3 7\n1 9 3\n1 9 9\n")
    (folder / "valid.txt").write_text("1 7 9 1\n1 7 40 0\n")
    (folder / "test.txt").write_text("1 9 40 1\n1 3 40 0\n")


def of_test(name: str, function: str) -> Callable[..., Any]:
    """A function of another test module of this folder."""
    written: Callable[..., Any] = runpy.run_path(str(Path(__file__).with_name(name)))[function]
    return written


def write_diffgraph(folder: Path) -> None:
    save = of_test("test_diffgraph.py", "save")
    save(folder / "train_mat_buy.pkl", sp.csr_matrix(np.array([[5, 9, 0, 0], [0, 0, 7, 0]])))
    save(folder / "test_mat.pkl", sp.coo_matrix(np.array([[0, 0, 0, 1.0], [0, 0, 0, 0]])))


def write_pyg(folder: Path) -> None:
    data = pytest.importorskip("torch_geometric.data").HeteroData()
    data["paper"].x, data["paper"].y = torch.arange(12.0).view(6, 2), torch.tensor([0, 1] * 3)
    data["paper", "cites", "paper"].edge_index = torch.tensor([[3, 0], [2, 1]])
    torch.save(data, folder / "data.pt")


BUILDERS: dict[str, tuple[str, Build]] = {
    "tables": ("tables", write_tables),
    "declared tables": ("tables", write_declared_tables),
    "heco": ("heco", write_heco),
    "gatne": ("gatne", write_gatne),
    "gtn": ("gtn", lambda folder: of_test("test_gtn.py", "write")(folder)),
    "planetoid": ("planetoid", lambda folder: of_test("test_planetoid.py", "write")(folder)),
    "amazon": ("amazon", lambda folder: of_test("test_amazon.py", "write")(folder / "a.npz")),
    "diffgraph": ("diffgraph", write_diffgraph),
    "pyg": ("pyg", write_pyg),
}


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("name", [*BUILDERS, "hgb"])
def test_a_path_may_be_written_in_any_way(
    name: str,
    cache: bool,
    tmp_path: Path,
    tiny_hgb: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = tmp_path / "home" / "own"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own.mkdir(parents=True)
    form = "hgb"
    if name == "hgb":
        tiny_hgb().rename(own)
    else:
        form, build = BUILDERS[name]
        build(own)
    expected = load_dataset(f"{form}:{own}", cache=False).sha256
    monkeypatch.setenv("HOME", str(own.parent))
    ways = [
        (own.parent, "own"),
        (own.parent, "./own/"),
        (own, "."),
        (elsewhere, "../home/own"),
        (elsewhere, "../home/../home/own//"),
        (elsewhere, "~/own"),
        (elsewhere, str(own)),
    ]
    for number, (folder, path) in enumerate(ways):
        # The cache is empty each time: a set that an earlier way has left would hide a mistake.
        monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / f"cache{number}"))
        monkeypatch.chdir(folder)
        for _ in range(1 + cache):
            assert load_dataset(f"{form}:{path}", cache=cache).sha256 == expected, path
        cached = [*(tmp_path / f"cache{number}").glob("*/dataset.json")]
        assert len(cached) == cache, "a path is no reason to leave the cache out"


def test_another_folder_of_the_same_name_is_another_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = []
    for place in ("a", "b"):
        folder = tmp_path / place / "own"
        folder.mkdir(parents=True)
        write_tables(folder)
        monkeypatch.chdir(folder.parent)
        if place == "b":
            (folder / "edges" / "author__writes__paper.csv").write_text("src,dst\n5,p2\n")
        hashes.append(load_dataset("tables:own").sha256)
    assert hashes[0] != hashes[1]


def test_an_unknown_home_is_one_clear_line() -> None:
    for form in ("tables", "hgb"):
        with pytest.raises(DataError, match="no home folder of this name"):
            load_dataset(f"{form}:~no-such-user-here/own")


def test_files_of_folders_and_patterns_count_for_the_cache(tmp_path: Path) -> None:
    write_tables(tmp_path)
    parts = tmp_path / "nodes" / "venue"
    parts.mkdir()
    (parts / "b.csv.gz").write_bytes(b"")
    (parts / "a.csv.gz").write_bytes(b"")
    names = [file.relative_to(tmp_path).as_posix() for file in table_files(tmp_path)]
    expected = ["edges/author__writes__paper.csv", "nodes/paper.csv", "nodes/venue/a.csv.gz"]
    assert names == [*expected, "nodes/venue/b.csv.gz"]
    (tmp_path / "tables.yaml").write_text(
        "nodes: {paper: {file: [nodes/paper.csv, gone.csv]}, venue: 'nodes/venue/*.gz'}\n"
    )
    names = [file.relative_to(tmp_path).as_posix() for file in table_files(tmp_path)]
    assert names == ["tables.yaml", "nodes/paper.csv", *(f"nodes/venue/{x}.csv.gz" for x in "ab")]
    (tmp_path / "tables.yaml").write_text("nodes: {paper: {file: [nodes/paper.csv, ../b.csv]}}\n")
    assert table_files(tmp_path) == []
