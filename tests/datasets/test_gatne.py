"""Multiplex sets: real counts, the format, links that were visible in the other direction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hetgraph import load_dataset
from hetgraph.data import EdgeType
from hetgraph.errors import FileFormatError

TRAIN = "1 7 3\n1 3 7\n1 9 3\n1 9 9\n2 40 9\n2 7 9\n"
VALID = "1 7 9 1\n1 40 9 1\n1 7 40 0\n2 3 9 1\n2 3 40 0\n"
TEST = "1 9 40 1\n1 3 40 0\n2 9 7 1\n2 40 7 0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nodes 3, 7, 9 and 40, two relations."""
    for name, text in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
        (tmp_path / f"{name}.txt").write_text(text)
    return tmp_path


def pairs(given: Tensor | None) -> list[tuple[int, int]]:
    assert given is not None
    return [(int(a), int(b)) for a, b in given.T]


def test_a_folder_is_read_exactly(folder: Path) -> None:
    dataset = load_dataset(f"gatne:{folder}")
    assert dataset.task == "link-prediction"
    assert dataset.graph.ids["node"].to_pylist() == [3, 7, 9, 40]
    one, two = (EdgeType("node", f"link_{n}", "node") for n in (1, 2))
    edges = {key: torch.stack(dataset.graph.relations[key].edges()) for key in (one, two)}
    assert sorted(pairs(edges[one])) == [(0, 1), (0, 2), (1, 0), (2, 0), (2, 2)]
    assert sorted(pairs(edges[two])) == [(2, 3), (3, 2)]  # 7-9 is held out as 9-7
    assert dataset.graph.schema.reverse_of(one) == one
    assert list(dataset.links) == ["link_1", "link_2"]
    first, second = dataset.links["link_1"], dataset.links["link_2"]
    assert pairs(first.valid) == [(1, 2)]  # 40-9 is a test link as 9-40
    assert pairs(first.test) == [(2, 3)]
    assert pairs(first.valid_negatives) == [(1, 3)]
    assert pairs(second.test_negatives) == [(3, 1)]
    assert dataset.info["counts"] == {"train_lines": 6, "train_dropped": 1, "valid_dropped": 1}


def test_negatives_survive_the_cache(folder: Path) -> None:
    first = load_dataset(f"gatne:{folder}")
    again = load_dataset(f"gatne:{folder}")
    for name, link in first.links.items():
        assert {k: pairs(v) for k, v in again.links[name].pairs().items()} == {
            k: pairs(v) for k, v in link.pairs().items()
        }


def test_what_does_not_fit_is_told(folder: Path) -> None:
    (folder / "test.txt").write_text("3 7 9 1\n")
    with pytest.raises(FileFormatError, match=r"relation '3' of test\.txt is not in train\.txt"):
        load_dataset(f"gatne:{folder}")
    (folder / "valid.txt").write_text("1 7 9\n")
    with pytest.raises(FileFormatError, match=r"valid\.txt is damaged"):
        load_dataset(f"gatne:{folder}")
    (folder / "train.txt").unlink()
    with pytest.raises(FileFormatError, match=r"no train\.txt"):
        load_dataset(f"gatne:{folder}")


def test_amazon_has_the_published_counts_and_shows_no_held_out_link(data_root: Path) -> None:
    """The counts of the files are those of the manifest, which loading compares."""
    dataset = load_dataset("gatne/amazon", root=data_root, cache=False)
    counts = dataset.info["counts"]
    lines = np.loadtxt(data_root / "gatne/amazon/train.txt", dtype=np.int64)
    assert len(lines) == counts["train_lines"]
    seen = {(kind, min(a, b), max(a, b)) for kind, a, b in lines.tolist()}
    ids = dataset.graph.ids["product"].to_pylist()
    visible = 0
    for number, (name, link) in enumerate(dataset.links.items(), start=1):
        relation = dataset.graph.relation(name)
        known = set(pairs(torch.stack(relation.edges())))
        held = pairs(link.valid) + pairs(link.test)
        assert not known & set(held)
        assert not known & {(b, a) for a, b in held}
        assert len(known) == relation.num_edges
        for negatives in (link.valid_negatives, link.test_negatives):
            assert not set(pairs(negatives)) & (known | set(held))
        visible += sum((number, *sorted((ids[a], ids[b]))) in seen for a, b in pairs(link.test))
    assert visible == 2991  # of 14,746 test links, a fifth, in the other direction
