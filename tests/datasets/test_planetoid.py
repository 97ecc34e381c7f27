from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph import load_dataset
from hetgraph.data import CSR
from hetgraph.errors import FileFormatError


def write(folder: Path, *, test_index: str = "6\n4\n", graph: Any = None) -> Path:
    """Nodes 0..3 in allx, test nodes 6 and 4; node 5 is missing from the test index."""
    lists = collections.defaultdict(list, {0: [1, 1, 0], 1: [0], 4: [6], 2: []})
    eye = np.eye(2, dtype=np.int32)
    values = {
        "x": sp.csr_matrix(np.ones((1, 3), dtype=np.float32)),
        "y": eye[[0]],
        "tx": sp.csr_matrix(np.array([[0, 0, 6], [4, 0, 0]], dtype=np.float32)),
        "ty": eye[[1, 0]],
        "allx": sp.csr_matrix(np.eye(4, 3, dtype=np.float32)),
        "ally": eye[[0, 1, 1, 0]],
        "graph": lists if graph is None else graph,
    }
    folder.mkdir(exist_ok=True)
    for name, value in values.items():
        (folder / f"ind.tiny.{name}").write_bytes(pickle.dumps(value, protocol=2))
    (folder / "ind.tiny.test.index").write_text(test_index)
    return folder


@pytest.mark.parametrize("name", ["Cora", "Citeseer"])
def test_real_set_matches_every_published_count(name: str, data_root: Path) -> None:
    dataset = load_dataset(f"planetoid/{name}", root=data_root, cache=False)
    (edge_type,) = dataset.graph.edge_types
    assert dataset.graph.schema.reverse_of(edge_type) == edge_type
    split = dataset.splits["default"]
    assert split.valid is not None
    ids = torch.cat([split.train, split.valid, split.test])
    assert ids.unique().numel() == ids.numel()


def test_citeseer_keeps_the_nodes_that_the_test_index_skips(data_root: Path) -> None:
    dataset = load_dataset("planetoid/Citeseer", root=data_root, cache=False)
    assert dataset.labels is not None
    unlabelled = torch.ones(3327, dtype=torch.bool)
    unlabelled[dataset.labels.index] = False
    assert unlabelled.sum() == 15
    features = dataset.graph.features["paper"]
    assert isinstance(features, CSR)
    assert features.degree[unlabelled].sum() == 0
    # They are often called isolated; the neighbour lists say that they are not.
    assert dataset.graph.relation("cites").degree[unlabelled].min() == 1


def test_rows_follow_the_test_index(tmp_path: Path) -> None:
    dataset = load_dataset(f"planetoid:{write(tmp_path / 'tiny')}")
    features = dataset.graph.features["paper"]
    assert isinstance(features, CSR)
    dense = features.to_dense()
    assert dense[6].tolist() == [0, 0, 6]
    assert dense[4].tolist() == [4, 0, 0]
    assert dense[5].tolist() == [0, 0, 0]
    assert dataset.labels is not None
    assert dataset.labels.index.tolist() == [0, 1, 2, 3, 4, 6]
    assert dataset.labels.target.tolist() == [0, 1, 1, 0, 0, 1]
    src, dst = dataset.graph.relation("cites").edges()
    assert sorted(zip(src.tolist(), dst.tolist(), strict=True)) == [(0, 1), (1, 0), (4, 6), (6, 4)]
    assert dataset.info["counts"] == {"list_entries": 5, "undirected_edges": 3, "self_loops": 1}


def test_contradictions_give_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    with pytest.raises(FileFormatError, match="lists 3 nodes"):
        load_dataset(f"planetoid:{write(folder, test_index='4 5 6')}")
    with pytest.raises(FileFormatError, match="not a list of node ids"):
        load_dataset(f"planetoid:{write(folder, test_index='4 b')}")
    with pytest.raises(FileFormatError, match="a node twice"):
        load_dataset(f"planetoid:{write(folder, test_index='4 4')}")
    with pytest.raises(FileFormatError, match="the graph lists node 9"):
        load_dataset(f"planetoid:{write(folder, graph={0: [9]})}")
    with pytest.raises(FileFormatError, match="holds a list"):
        load_dataset(f"planetoid:{write(folder, graph=[1])}")
    (folder / "ind.tiny.tx").unlink()
    with pytest.raises(FileFormatError, match=r"0 files ind\.\*\.tx"):
        load_dataset(f"planetoid:{folder}")
