"""Knowledge graphs: real counts, the format, entities that only held-out triples name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog.textscan import read_columns
from hetgraph.data import EdgeType
from hetgraph.errors import FileFormatError
from hetgraph.io import from_triples
from hetgraph.tasks import audit, make_task

TRAIN = "bob\tknows\tann\r\nann\tknows\tbob\r\nbob\tlikes\ttea\r\n"
VALID = "ann\tlikes\ttea\r\n"
TEST = "cid\tlikes\t0123\r\nann\tknows\tcid\r\n"
KNOWS, LIKES = (EdgeType("entity", name, "entity") for name in ("knows", "likes"))
COLUMNS = {"head": pa.string(), "relation": pa.string(), "tail": pa.string()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five entities, two of which are in no training triple."""
    for name, text in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
        (tmp_path / f"{name}.txt").write_bytes(text.encode())
    return tmp_path


def test_a_folder_is_read_exactly(folder: Path) -> None:
    dataset = load_dataset(f"kg:{folder}")
    graph, links = dataset.graph, dataset.links["links"]
    assert graph.ids["entity"].to_pylist() == ["0123", "ann", "bob", "cid", "tea"]
    assert torch.stack(graph.relations[KNOWS].edges()).T.tolist() == [[2, 1], [1, 2]]
    assert torch.stack(graph.relations[LIKES].edges()).T.tolist() == [[2, 4]]
    assert graph.schema.reverse_of(LIKES) == EdgeType("entity", "rev_likes", "entity")
    assert links.edge_types == (KNOWS, LIKES)
    assert links.of(LIKES, "valid").T.tolist() == [[1, 4]]
    assert links.of(KNOWS, "test").T.tolist() == [[1, 3]]
    assert links.of(LIKES, "test").T.tolist() == [[3, 0]]
    assert dataset.info["counts"] == {"relations": 2, "triples": 6, "entities_in_train": 3}
    assert dataset.task == "link-prediction"


def test_one_relation_is_enough(folder: Path) -> None:
    for split in ("train", "valid", "test"):
        path = folder / f"{split}.txt"
        path.write_text(path.read_text().replace("likes", "knows"))
    links = load_dataset(f"kg:{folder}").links["links"]
    assert links.edge_types == (KNOWS,)
    assert links.test.T.tolist() == [[3, 0], [1, 3]]


def test_what_does_not_fit_is_told(folder: Path) -> None:
    (folder / "test.txt").write_text("ann\tknows\tbob\nann\thates\tbob\n")
    with pytest.raises(FileFormatError, match=r"test\.txt line 2: the relation 'hates' is not in"):
        load_dataset(f"kg:{folder}")
    (folder / "valid.txt").write_text("ann\tknows\n")
    with pytest.raises(FileFormatError, match=r"valid\.txt is damaged"):
        load_dataset(f"kg:{folder}")
    (folder / "train.txt").unlink()
    with pytest.raises(FileFormatError, match=r"no train\.txt"):
        load_dataset(f"kg:{folder}")


@pytest.mark.parametrize("name", ["FB15k-237", "WN18RR"])
def test_real_sets_have_the_published_counts_and_hide_their_links(
    data_root: Path, name: str
) -> None:
    """Loading compares the counts with the manifest; `from_triples` gives the same graph."""
    dataset = load_dataset(f"kg/{name}", root=data_root, cache=False)
    task = make_task(dataset, options={"protocol": "filtered"})
    audit(task)
    paths = [data_root / f"kg/{name}/{split}.txt" for split in ("train", "valid", "test")]
    tables = [read_columns(path.read_bytes(), COLUMNS, str(path)) for path in paths]
    assert task.labels.shape[1] == tables[0].num_rows
    whole = from_triples(pa.concat_tables(tables))
    assert whole.ids["entity"].to_pylist() == dataset.graph.ids["entity"].to_pylist()
    links = dataset.links["links"]
    for key in links.edge_types[::7]:
        held = [links.of(key, split) for split in ("valid", "test")]
        pairs = torch.cat([torch.stack(dataset.graph.relations[key].edges()), *held], dim=1)
        expected = torch.stack(whole.relations[key].edges())
        assert set(map(tuple, pairs.T.tolist())) == set(map(tuple, expected.T.tolist()))
        assert pairs.shape == expected.shape


def test_a_file_of_triples_alone_is_a_graph_by_one_line(data_root: Path) -> None:
    graph = from_triples(data_root / "kg/WN18RR/train.txt", add_reverses=True)
    assert graph.num_nodes == {"entity": 40559}
    assert graph.num_edges == 2 * 86835
    assert graph.ids["entity"][0].as_py() == "00001740"  # offsets keep their zeros
