"""Classes of nodes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Labels
from hetgraph.errors import DataError

SINGLE = Labels(
    "paper", 3, torch.tensor([4, 0, 2]), torch.tensor([2, 0, 0]), False, ("a", "b", "c")
)
SEVERAL = Labels(
    "paper", 2, torch.tensor([0, 3]), torch.tensor([[True, True], [False, False]]), True
)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.tensor([0, 1]), r"have shape \[2\], expected \[3\]"),
        (torch.tensor([0.0, 1.0, 1.0]), "are torch.float32, expected torch.int64"),
        (torch.tensor([0, 1, 3]), r"run from 0 to 3, expected 0\.\.2"),
        (torch.tensor([0, -1, 1]), "run from -1 to 1"),
    ],
)
def test_bad_labels_are_told(target: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(SINGLE, target=target)


def test_a_repeated_node_is_told() -> None:
    with pytest.raises(DataError, match="list a node twice"):
        replace(SINGLE, index=torch.tensor([1, 0, 1]))


@pytest.mark.parametrize("labels", [SINGLE, SEVERAL])
def test_they_are_stored_whole(labels: Labels, stored: Any) -> None:
    stored(labels)


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("labels", [SINGLE, SEVERAL])
def test_they_go_through_rows(labels: Labels, lists: bool, through_rows: Any) -> None:
    read, kept = through_rows(labels, lists)
    order = labels.index.argsort()
    assert kept is None
    assert read.index.tolist() == labels.index[order].tolist()
    assert read.target.tolist() == labels.target[order].tolist()
    assert (read.multi_label, read.num_classes) == (labels.multi_label, labels.num_classes)
    if labels.class_names:
        assert read.class_names == labels.class_names


def test_nodes_are_counted_by_class() -> None:
    assert SINGLE.statistics() == {
        "target": "paper",
        "classes": 3,
        "labelled": 3,
        "class_counts": [2, 0, 1],
    }
    assert SINGLE.split_statistics(torch.tensor([4, 5])) == {"nodes": 2, "classes": [0, 0, 1]}
    assert SEVERAL.statistics()["class_counts"] == [1, 1]


def test_default_splits_need_five_nodes() -> None:
    many = Labels("paper", 1, torch.arange(10), torch.zeros(10).long())
    assert many.default_splits()["random-60-20-20"].train.numel() == 6
    with pytest.raises(DataError, match="3 labelled 'paper' nodes are too few"):
        SINGLE.default_splits()


def test_what_counts_in_the_digest() -> None:
    def sha256(labels: Labels, name: str = "labels") -> str:
        digest = hashlib.sha256()
        labels.update_digest(digest, name)
        return digest.hexdigest()

    assert sha256(replace(SINGLE, class_names=())) == sha256(SINGLE)
    others = (
        replace(SINGLE, node_type="author"),
        replace(SINGLE, num_classes=4),
        replace(SINGLE, index=torch.tensor([4, 1, 2])),
        replace(SINGLE, target=torch.tensor([2, 0, 1])),
    )
    assert len({sha256(SINGLE), sha256(SINGLE, "more"), *map(sha256, others)}) == 6
