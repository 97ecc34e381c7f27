from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import hetgraph
from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph, Relation
from hetgraph.errors import MetaPathError, SchemaError
from hetgraph.metapaths import registry as metapath_registry
from hetgraph.methods import path_label
from hetgraph.models.sehgnn import SeHGNN, SeHGNNConfig
from hetgraph.models.sehgnn.paths import channels, feature_paths, label_paths
from hetgraph.runs.plan import bind_metapaths, make_plan
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

APA = "author-paper-author"


@pytest.fixture
def dataset(random_graph: Callable[..., HeteroGraph]) -> Dataset:
    ids = torch.arange(18)
    split = Split(ids[:10], ids[10:14], ids[14:])
    labels = Labels("author", 3, ids, ids % 3)
    graph = random_graph(num_nodes=20)
    return Dataset("toy/sehgnn", graph, labels, {"default": split}, metapaths={"own": APA})


@pytest.fixture
def task(dataset: Dataset) -> Task:
    return make_task(dataset)


def test_every_sequence_up_to_a_length_ends_at_the_target(task: Task) -> None:
    config = SeHGNNConfig(num_hops=2, labels=True, label_hops=3)
    listed = channels(task.graph.schema, "author", config, labels=True)
    assert dict(listed.features) == {
        "(self)": "author",
        "paper -written_by> author": "paper",
        "author-paper-author": "author",
        "paper -cites> paper-author": "paper",
        "paper <cites- paper-author": "paper",
        "term-paper-author": "term",
    }
    assert len(listed.labels) == 3  # one round trip of two steps, two of three over citations
    for config_paths, expected in (
        (feature_paths(task, "author", config), [name for name, _ in listed.features[1:]]),
        (label_paths(task, "author", config), list(listed.labels)),
    ):
        assert [path_label(path, task.graph.schema) for path in config_paths] == expected
        assert {path.end for path in config_paths} == {"author"}


def test_types_can_be_left_out(task: Task) -> None:
    config = SeHGNNConfig(num_hops=2, skip_types=("term",))
    names = [
        name for name, _ in channels(task.graph.schema, "author", config, labels=True).features
    ]
    assert len(names) == 5
    assert not any("term" in name for name in names)
    with pytest.raises(SchemaError, match="'author'"):
        channels(task.graph.schema, "author", SeHGNNConfig(skip_types=("paper",)), labels=True)


def test_requested_paths_take_the_place_of_all(task: Task) -> None:
    config = SeHGNNConfig(metapaths=("term-paper-author", f"mine={APA}"), labels=True)
    listed = channels(task.graph.schema, "author", config, labels=True)
    assert listed.features == (
        ("(self)", "author"), ("term-paper-author", "term"), ("mine", "author"),
    )  # fmt: skip
    assert listed.labels == ("mine",)
    assert [str(path) for path in feature_paths(task, "author", config)] == [
        "term-paper-author",
        APA,
    ]
    assert [str(path) for path in label_paths(task, "author", config)] == [APA]


def test_the_default_paths_of_a_data_set_are_left_alone(dataset: Dataset) -> None:
    plan = make_plan(SeHGNN, "toy/sehgnn")
    assert bind_metapaths(plan, dataset).config.metapaths == ()
    asked = make_plan(SeHGNN, "toy/sehgnn", metapaths=["own"])
    assert bind_metapaths(asked, dataset).config.metapaths == (f"own={APA}",)


def test_a_function_may_be_a_metapath(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered by a user, taken by its name: nothing in the library knows of it."""

    def neighbours(graph: HeteroGraph) -> tuple[str, str, Relation]:
        ids = torch.arange(graph.num_nodes["author"])
        ring = Relation.from_edges(ids, ids.roll(1), ids.numel(), ids.numel())
        return "author", "author", ring

    monkeypatch.setattr(metapath_registry, "_registered", {})
    hetgraph.register_metapath("toy/sehgnn", "ring", neighbours)
    plan = make_plan(SeHGNN, "toy/sehgnn", metapaths=["ring"], settings={"model": {"labels": True}})
    config = bind_metapaths(plan, dataset).config
    task = make_task(dataset)
    model = SeHGNN.for_task(task, config).eval()
    inputs = model.prepare(task, seeds=Seeds())
    own, ring, labels = inputs.encoder.channels
    assert torch.equal(ring, own.roll(-1, 0))
    sent = torch.zeros(20, 3)
    sent[:10] = torch.eye(3)[torch.arange(10) % 3]
    assert torch.equal(labels, sent.roll(-1, 0))
    assert bool(torch.isfinite(model.predict(inputs, "test").values).all())


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (("author-paper",), "to 'author'"),
        ((APA, APA), "given twice"),
        ((APA, f"{APA} "), "only 1 of them differ"),
        (("unknown",), "unknown"),
    ],
)
def test_wrong_paths_are_refused(task: Task, paths: tuple[str, ...], message: str) -> None:
    def prepare() -> None:
        config = SeHGNNConfig(metapaths=paths)
        SeHGNN(task.graph.schema, task.spec, config).prepare(task, seeds=Seeds())

    with pytest.raises(MetaPathError, match=message):
        prepare()
