"""A question knows whom it asks about and what was known in training; it has no answers."""

from __future__ import annotations

import json

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.tasks import Origin, Question, Task, make_task

NAMES = list("abcdef")


def graph_of(names: list[str]) -> HeteroGraph:
    size = len(names)
    knows = Relation.from_edges(torch.arange(size), torch.arange(size).roll(1), size, size)
    return HeteroGraph(
        num_nodes={"user": size},
        relations={("user", "knows", "user"): knows},
        features={"user": torch.arange(2.0 * size).reshape(size, 2)},
        ids={"user": names},
    )


@pytest.fixture
def task() -> Task:
    labels = Labels("user", 2, torch.arange(6), torch.tensor([0, 1, 1, 0, 1, 0]))
    split = Split(torch.tensor([0, 1, 2]), torch.tensor([3]), torch.tensor([4, 5]))
    return make_task(Dataset("toy", graph_of(NAMES), labels, splits={"own": split}))


def test_labels_follow_their_nodes_and_those_of_tests_are_not_kept(task: Task) -> None:
    origin = Origin.of(task, [])
    assert origin.labels is not None
    assert origin.labels.values.tolist() == [0, 1, 1, 0]
    assert origin.labels.train.tolist() == [True, True, True, False]
    asked = Question(graph_of(["new", "d", "f", "b"]), task.spec, origin, torch.tensor([0, 0, 2]))
    assert asked.index("test").tolist() == [0, 0, 2]
    assert asked.index("train").tolist() == [3]  # b
    assert asked.index("valid").tolist() == [1]  # d
    assert asked.labels.tolist() == [-1, 0, -1, 1]
    assert asked.spec.num_nodes == dict.fromkeys(task.spec.num_nodes, 4)


def test_it_has_no_answers(task: Task) -> None:
    asked = Question(graph_of(NAMES), task.spec, Origin.of(task, []))
    assert asked.index("test").numel() == 0
    assert asked.refit_view() is asked
    assert asked.protocol == {}
    asked.audit()
    with pytest.raises(DataError, match="no answers to train on"):
        asked.criterion()(torch.zeros(1), torch.zeros(1))
    with pytest.raises(DataError, match="no answers to score by"):
        asked.score(None, "test")  # type: ignore[arg-type]


def test_an_origin_is_saved_as_json_and_tensors(task: Task) -> None:
    origin = Origin.of(task, ["user"], temperature=1.5)
    again = Origin.from_parts(json.loads(json.dumps(origin.to_dict())), origin.tensors())
    assert (again.outputs, again.temperature) == (origin.outputs, 1.5)
    later = graph_of(["f", "new", "a"])
    assert again.places(later, "user").tolist() == origin.places(later, "user").tolist()
    assert again.places(later, "user").tolist() == [5, -1, 0]
    assert again.labels is not None
    assert origin.labels is not None
    assert torch.equal(again.labels.values, origin.labels.values)
    assert torch.equal(again.labels.train, origin.labels.train)


def test_ids_in_one_graph_alone(task: Task) -> None:
    origin = Origin.of(task, ["user"])
    with pytest.raises(DataError, match="ids"):
        origin.places(graph_of(NAMES).replace(ids={}), "user")
