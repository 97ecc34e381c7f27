from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph import load_dataset
from hetgraph.data import CSR, EdgeType
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.metapaths import compose


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three papers (the target), two authors, one subject; paper 2 is isolated from authors."""
    path = tmp_path / "tiny"
    path.mkdir()
    (path / "pa.txt").write_text("0\t0\n1\t1\n1\t0\n")
    (path / "ps.txt").write_text("0 0\n1 0\n2 0\n")
    np.save(path / "labels.npy", np.array([0.0, 1.0, 1.0]))
    sp.save_npz(path / "p_feat.npz", sp.coo_matrix(np.array([[1, 0], [0, 2.5], [0, 0]])))
    with (path / "a_feat.npz").open("wb") as file:
        np.save(file, np.array([[0.25, 1.0], [3.0, 4.0]]))
    sp.save_npz(path / "pap.npz", sp.eye(3, format="coo"))
    for prefix, ids in (("train", [0]), ("val", [1]), ("test", [2])):
        np.save(path / f"{prefix}_20.npy", np.array(ids))
    return path


@pytest.mark.parametrize("name", ["acm", "dblp", "aminer"])
def test_real_set_matches_every_published_count(name: str, data_root: Path) -> None:
    dataset = load_dataset(f"heco/{name}", root=data_root, cache=False)
    assert list(dataset.splits) == ["20", "40", "60"]
    for split in dataset.splits.values():
        assert split.valid is not None
        ids = torch.cat([split.train, split.valid, split.test])
        assert ids.unique().numel() == ids.numel()


@pytest.mark.parametrize(
    ("name", "path", "file"),
    [("acm", "PAP", "pap"), ("acm", "PSP", "psp"), ("dblp", "APA", "apa")],
)
def test_customary_paths_give_the_stored_products(
    name: str, path: str, file: str, data_root: Path
) -> None:
    dataset = load_dataset(f"heco/{name}", root=data_root, cache=False)
    composed = compose(dataset.graph, dataset.metapaths[path])
    stored = CSR.from_scipy(sp.load_npz(data_root / f"heco/{name}/{file}.npz"))
    assert torch.equal(composed.indptr, stored.indptr)
    assert torch.equal(composed.indices, stored.indices)


def test_folder_is_read_exactly_and_the_target_is_told_by_the_paths(folder: Path) -> None:
    dataset = load_dataset(f"heco:{folder}")
    graph = dataset.graph
    assert dict(graph.num_nodes) == {"paper": 3, "author": 2, "subject": 1}
    written = graph.relation(EdgeType("paper", "written_by", "author"))
    assert written.to_dense().tolist() == [[1, 1, 0], [0, 1, 0]]
    assert graph.schema.reverse_of(EdgeType("paper", "about", "subject")) == EdgeType(
        "subject", "subject_of", "paper"
    )
    features = graph.features["paper"]
    assert isinstance(features, CSR)
    assert features.to_dense().tolist() == [[1, 0], [0, 2.5], [0, 0]]
    assert torch.equal(graph.features["author"], torch.tensor([[0.25, 1.0], [3.0, 4.0]]))
    assert dataset.labels is not None
    assert dataset.labels.target.tolist() == [0, 1, 1]
    assert dataset.splits["20"].test.tolist() == [2]


def test_target_can_be_given_and_must_exist(folder: Path) -> None:
    (folder / "pap.npz").unlink()
    assert load_dataset(f"heco:{folder}", target="paper").labels is not None
    with pytest.raises(ConfigError, match="target='paper'"):
        load_dataset(f"heco:{folder}")
    with pytest.raises(ConfigError, match="Did you mean 'author'"):
        load_dataset(f"heco:{folder}", target="autor")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("pa.txt", b"0\t0\n1\t7\n", r"pa.txt line 2: node 7 does not exist; .* 0 to 1"),
        ("pa.txt", b"0\t0\n9\t0\n", r"pa.txt line 2: node 9 does not exist; .* 0 to 2"),
        ("pa.txt", b"0\tzero\n", r"pa.txt is damaged"),
        ("p_feat.npz", b"PK\x03\x04 cut", r"p_feat.npz is damaged"),
        ("labels.npy", b"\x93NUMPY\x01\x00", r"labels.npy is damaged"),
        ("test_20.npy", None, r"test_20.npy is missing"),
        ("labels.npy", None, r"labels.npy is missing"),
    ],
)
def test_damage_gives_one_clear_line(
    folder: Path, name: str, content: bytes | None, message: str
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(FileFormatError, match=message) as caught:
        load_dataset(f"heco:{folder}")
    assert "\n" not in str(caught.value)


def test_split_outside_the_labels_and_folder_without_edges(folder: Path, tmp_path: Path) -> None:
    np.save(folder / "val_20.npy", np.array([3]))
    with pytest.raises(FileFormatError, match="lists node 3, but 3 have labels"):
        load_dataset(f"heco:{folder}")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FileFormatError, match="no edge list"):
        load_dataset(f"heco:{empty}", target="paper")


def test_pickled_labels_are_refused(folder: Path) -> None:
    np.save(folder / "labels.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FileFormatError, match=r"labels.npy is damaged"):
        load_dataset(f"heco:{folder}")
