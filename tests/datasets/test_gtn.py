from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph import load_dataset
from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.datasets.gtn import _with_terms
from hetgraph.errors import ConfigError, DataError, FileFormatError


def write(folder: Path, **changes: Any) -> Path:
    """Two movies (0, 1), one director (2), two actors (3, 4)."""
    directed = sp.csr_matrix(([1, 1], ([0, 1], [2, 2])), shape=(5, 5))
    stars = sp.csc_matrix(([1, 1, 1], ([0, 0, 1], [3, 4, 4])), shape=(5, 5))
    values: dict[str, Any] = {
        "edges": [directed, directed.T, stars, stars.T.tocsr()],
        "node_features": np.arange(10).reshape(5, 2) % 3,
        "labels": [[[0, 1]], np.array([[1, 0]]), np.zeros((0, 2), dtype=int)],
    }
    folder.mkdir(exist_ok=True)
    for name, value in {**values, **changes}.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(value, protocol=2))
    return folder


@pytest.mark.parametrize("name", ["ACM", "DBLP", "IMDB"])
def test_real_set_matches_every_published_count(name: str, data_root: Path) -> None:
    dataset = load_dataset(f"gtn/{name}", root=data_root, cache=False)
    split = dataset.splits["default"]
    assert split.valid is not None
    ids = torch.cat([split.train, split.valid, split.test])
    assert ids.unique().numel() == ids.numel()
    assert len(dataset.graph.schema.reverses) == 2


def test_folder_is_read_exactly(tmp_path: Path) -> None:
    dataset = load_dataset(f"gtn:{write(tmp_path / 'tiny')}")
    graph = dataset.graph
    assert dict(graph.num_nodes) == {"type0": 2, "type1": 1, "type2": 2}
    stars = EdgeType("type0", "to_type2", "type2")
    assert graph.relation(stars).to_dense().tolist() == [[1, 0], [1, 1]]
    assert graph.schema.reverse_of(stars) == EdgeType("type2", "to_type0", "type0")
    features = graph.features["type2"]
    assert isinstance(features, CSR)
    assert features.to_dense().tolist() == [[0, 1], [2, 0]]
    assert dataset.labels is not None
    assert dataset.labels.node_type == "type0"
    assert dataset.labels.target.tolist() == [1, 0]
    assert dataset.splits["default"].test.numel() == 0


def test_zip_gives_the_same_graph_as_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny")
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for file in folder.iterdir():
            writer.write(file, file.name)
    content_hash = load_dataset(f"gtn:{archive}").graph.content_hash
    assert content_hash == load_dataset(f"gtn:{folder}").graph.content_hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edges": []}, "not a list of sparse matrices"),
        ({"edges": [sp.csr_matrix((5, 5))]}, "an empty matrix"),
        ({"edges": [sp.eye(5, format="csr"), sp.eye(4, format="csr")]}, "not 5 x 5"),
        ({"node_features": np.zeros((4, 2))}, "not an array with 5 rows"),
        ({"labels": [[[0, 1]]]}, "three lists"),
        ({"labels": [[[0, 1]], [[3, 0]], [[1, 0]]]}, "nodes of several types"),
    ],
)
def test_contradictions_give_one_clear_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        load_dataset(f"gtn:{write(tmp_path / 'tiny', **changes)}")
    assert "\n" not in str(caught.value)


def test_missing_and_truncated_files_give_one_clear_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny")
    content = (folder / "edges.pkl").read_bytes()
    (folder / "edges.pkl").write_bytes(content[:-40])
    with pytest.raises(FileFormatError, match=r"edges.pkl is damaged or truncated"):
        load_dataset(f"gtn:{folder}")
    (folder / "labels.pkl").unlink()
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_dataset(f"gtn:{folder}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match=r"neither edges.pkl nor exactly one zip"):
        load_dataset(f"gtn:{tmp_path / 'empty'}")


def test_terms_of_dblp_come_with_everything_else_as_it_is(data_root: Path) -> None:
    plain = load_dataset("gtn/DBLP", root=data_root, cache=False)
    dataset = load_dataset("gtn/DBLP", root=data_root, cache=False, terms="true")
    graph, mentions = dataset.graph, EdgeType("paper", "mentions", "term")
    assert graph.num_nodes["term"] == 7_723
    assert graph.relation(mentions).num_edges == 85_810
    assert graph.schema.reverse_of(mentions) == EdgeType("term", "mentioned_in", "paper")
    rest = graph.without_relation(mentions)
    for key, relation in plain.graph.relations.items():
        assert torch.equal(rest.relations[key].indices, relation.indices)
    assert torch.equal(dataset.splits["default"].test, plain.splits["default"].test)


def test_terms_belong_to_dblp_alone(tmp_path: Path, data_root: Path) -> None:
    with pytest.raises(ConfigError, match="gtn/ACM has no terms"):
        load_dataset("gtn/ACM", root=data_root, cache=False, terms=True)
    with pytest.raises(ConfigError, match="a folder of this format has no terms"):
        load_dataset(f"gtn:{write(tmp_path / 'tiny')}", terms=True)
    with pytest.raises(ConfigError, match="expected true or false"):
        load_dataset("gtn/DBLP", root=data_root, cache=False, terms="yes")


def test_terms_of_other_papers_are_refused() -> None:
    def graph(conference: list[int]) -> HeteroGraph:
        held = Relation.from_edges(torch.arange(2), torch.tensor(conference), 2, 2)
        said = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([2, 0]), 2, 3)
        return HeteroGraph(
            num_nodes={"paper": 2, "conference": 2, "term": 3},
            relations={
                EdgeType("paper", "published_in", "conference"): held,
                EdgeType("paper", "mentions", "term"): said,
                EdgeType("term", "mentioned_in", "paper"): said.transpose,
            },
            features={"term": torch.eye(3)},
            name="small",
        )

    base = graph([0, 1])
    bare = base.replace(
        num_nodes={"paper": 2, "conference": 2},
        relations={key: relation for key, relation in base.relations.items() if "term" not in key},
        features={},
    )
    wide = _with_terms(bare, base)
    assert wide.num_nodes["term"] == 3
    assert wide.relation("mentions").to_dense().tolist() == [[0, 1], [0, 0], [1, 0]]
    with pytest.raises(DataError, match="small differ"):
        _with_terms(bare, graph([1, 0]))
