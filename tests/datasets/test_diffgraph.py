"""Multi-behaviour sets: real counts, the format, damaged files."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph import load_dataset
from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.tasks import audit, make_task


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two users, four items."""
    path = tmp_path / "shop"
    path.mkdir()
    save(path / "train_mat_buy.pkl", sp.csr_matrix(np.array([[5, 9, 0, 0], [0, 0, 7, 0]])))
    save(path / "train_mat_view.pkl", sp.coo_matrix(np.array([[0, 2, 3, 0], [0, 0, 0, 0]])))
    save(path / "test_mat.pkl", sp.coo_matrix(np.array([[0, 0, 0, 1.0], [0, 0, 0, 0]])))
    return path


def save(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps(value, protocol=4))


@pytest.mark.parametrize("name", ["retail_rocket", "tmall"])
def test_real_sets_have_the_published_counts(name: str, data_root: Path) -> None:
    """Loading compares every count of the manifest; no held-out purchase is in any behaviour."""
    dataset = load_dataset(f"diffgraph/{name}", root=data_root, cache=False)
    assert dataset.task == "recommendation"
    link = dataset.links["default"]
    assert torch.bincount(link.test[0]).max() == 1
    audit(make_task(dataset))
    again = load_dataset(f"diffgraph/{name}", root=data_root)
    assert again.task == "recommendation"


def test_a_folder_is_read_exactly(folder: Path) -> None:
    dataset = load_dataset(f"diffgraph:{folder}")
    graph = dataset.graph
    assert dict(graph.num_nodes) == {"user": 2, "item": 4}
    bought = graph.relations[EdgeType("user", "buy", "item")]
    src, dst = bought.edges()
    time_of = dict(
        zip(zip(src.tolist(), dst.tolist(), strict=True), bought.edge_time.tolist(), strict=True)
    )
    assert time_of == {(0, 0): 5, (0, 1): 9, (1, 2): 7}
    assert graph.schema.reverse_of(EdgeType("user", "view", "item")) is not None
    assert dataset.links["default"].test.tolist() == [[0], [3]]
    other = load_dataset(f"diffgraph:{folder}", target="view")
    assert other.links["default"].edge_type.name == "view"


def test_what_does_not_fit_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'buy'"):
        load_dataset(f"diffgraph:{folder}", target="bye")
    save(folder / "train_mat_cart.pkl", sp.csr_matrix((3, 4)))
    with pytest.raises(FileFormatError, match="cart"):
        load_dataset(f"diffgraph:{folder}")
    save(folder / "train_mat_cart.pkl", [1, 2])
    with pytest.raises(FileFormatError, match="expected a sparse matrix"):
        load_dataset(f"diffgraph:{folder}")
    (folder / "train_mat_cart.pkl").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(FileFormatError, match="not an allowed class"):
        load_dataset(f"diffgraph:{folder}")
    (folder / "train_mat_cart.pkl").unlink()
    (folder / "test_mat.pkl").unlink()
    with pytest.raises(FileFormatError, match=r"test_mat\.pkl"):
        load_dataset(f"diffgraph:{folder}")
