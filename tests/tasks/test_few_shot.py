"""Few-shot tasks: exactly k nodes per class, disjoint splits, equal for every model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Labels
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.seeds import Seeds
from hetgraph.tasks import FewShot, NodePredictions, audit, make_task

SIZE, CLASSES = 4000, 3


@pytest.fixture
def dataset() -> Dataset:
    ends = torch.randint(SIZE, (2, 50))
    edge = EdgeType("node", "near", "node")
    graph = HeteroGraph(
        num_nodes={"node": SIZE}, relations={edge: Relation.from_edges(*ends, SIZE, SIZE)}
    )
    index = torch.randperm(SIZE)
    return Dataset("toy/few", graph, Labels("node", CLASSES, index, index % CLASSES))


def few(dataset: Dataset, seed: int = 0, **options: Any) -> FewShot:
    task = make_task(dataset, seeds=Seeds.from_seed(seed), options=options, family="few-shot")
    assert isinstance(task, FewShot)
    return task


def test_splits_are_disjoint_and_of_their_sizes(dataset: Dataset) -> None:
    task = few(dataset, shots=3, valid_shots=2)
    audit(task)
    train, valid, test = (task.index(split) for split in ("train", "valid", "test"))
    assert test.numel() == 3600
    assert torch.cat([train, valid, test]).unique().numel() == 9 + 6 + 3600
    assert task.labels[train].bincount().tolist() == [3] * CLASSES
    assert task.labels[valid].bincount().tolist() == [2] * CLASSES
    assert bool((task.labels[test] == -1).all())
    assert torch.equal(task.labels[train], train % CLASSES)
    assert task.spec.kind == "few-shot"
    assert task.protocol["sizes"] == {"train": 9, "valid": 6, "test": 3600}


def test_a_number_is_one_task_for_all_seeds(dataset: Dataset) -> None:
    first, again = few(dataset, 7, number=4), few(dataset, 2, number=4)
    assert torch.equal(first.index("test"), again.index("test"))
    assert not torch.equal(first.index("test"), few(dataset, number=5).index("test"))
    assert few(dataset, 14).number == 4
    assert few(dataset, 14, num_tasks=3).number == 2
    more = few(dataset, 7, number=4, shots=8).index("train")
    assert bool(torch.isin(first.index("train"), more).all())


def test_overlapping_is_asked_for_and_told(dataset: Dataset) -> None:
    task = few(dataset, split="overlapping")
    assert audit(task).checks == ("no feature column of 'node' equals the label",)
    train = task.index("train")
    assert 0.5 < float(torch.isin(train, task.index("test")).float().mean()) <= 1
    assert torch.equal(task.labels[train], train % CLASSES)
    assert task.protocol["split"] == "overlapping"
    assert int((task.labels[task.index("test")] >= 0).sum()) < 30


def test_small_sets_test_fewer(dataset: Dataset) -> None:
    labels = dataset.labels
    assert labels is not None
    for size, tested in ((1000, 700), (1112, 1000), (1111, 777)):
        part = replace(labels, index=labels.index[:size], target=labels.target[:size])
        assert few(replace(dataset, targets=part)).index("test").numel() == tested
    assert few(dataset, test_fraction=0.5).index("test").numel() == 2000


def test_scores_are_those_of_a_classification(dataset: Dataset) -> None:
    task = few(dataset)
    perfect = torch.eye(CLASSES)[task.index("test") % CLASSES]
    assert task.score(NodePredictions(perfect), "test")["macro_f1"] == 1


def test_what_cannot_be_drawn_is_told(dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"class 0 has \d+ nodes beside the test nodes"):
        few(dataset, shots=200)
    several = Labels("node", 2, torch.arange(4), torch.ones(4, 2).bool(), True)
    with pytest.raises(DataError, match="one known class"):
        few(replace(dataset, targets=several))
    for name, value in (("shots", 0), ("number", -1), ("test_fraction", 1.0)):
        with pytest.raises(ConfigError, match=f"task.{name}"):
            few(dataset, **{name: value})


def test_the_refit_has_the_shots_of_both_splits(dataset: Dataset) -> None:
    task = few(dataset, shots=3, valid_shots=2)
    view = task.refit_view()
    assert view.labels[view.index("train")].bincount().tolist() == [5] * CLASSES
    assert view.index("valid").numel() == 0
    assert torch.equal(view.index("test"), task.index("test"))
    assert audit(view).checks == audit(task).checks
