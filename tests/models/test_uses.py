"""Every model says truthfully what of a graph it reads: predictions change with it, or do not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, EdgeValues, Labels, Links, Values
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.methods import Method, ScoreBaseline
from hetgraph.methods.registered import USES
from hetgraph.models.gph2 import ExpertConfig
from hetgraph.registry import models
from hetgraph.runs.plan import Plan, bind_metapaths
from hetgraph.seeds import Seeds
from hetgraph.settings import field_names
from hetgraph.tasks import Task, make_task, task_class
from hetgraph.train import TrainConfig

Settings = Mapping[str, Any]

USERS, ITEMS, TAGS, CLASSES = 40, 30, 5, 3
BUYS, HAS = EdgeType("user", "buys", "item"), EdgeType("user", "has", "tag")
SEEDS = Seeds.from_seed(0)
SMALL: Mapping[str, Settings] = {
    "gph2": {"expert": ExpertConfig(dim=16)},
    "higpt": {"encoder": "hash", "dim": 16, "num_heads": 2},
    "metahgnie": {"hidden_dim": 4, "num_heads": 2, "walk_dim": 8},
    "prototype": {"dim": 16},
    "rphgnn": {"storage": "float32"},
}
SHORT, LONG = "user-item-user", "user-item-user-item-user"
GIVEN_PATHS = {"metapaths": (SHORT,)}
EXTRA: Mapping[str, tuple[Settings, ...]] = {
    "gph2": ({"experts": "scratch"}, {"sources": ("a", "b")}, {"sources": ("a",)}),
    "higpt": ({}, {"inputs": "features"}),
    "metahgnie": (
        {},
        {"channels": "structure"},
        {"hypergraph": "metapath", **GIVEN_PATHS},
    ),
    "prototype": ({}, {"hops": 2}),
    "rphgnn": ({}, {"labels": True}),
    "sehgnn": ({}, {"labels": True}, GIVEN_PATHS),
}
"""Settings that decide on what is read; without an entry, those of :func:`variants` alone."""

OPTIONAL: Mapping[str, Any] = {
    "edge_weights": False,
    "edge_features": False,
    "edge_times": False,
    "inputs": "ids",
}
"""Settings that a model may have, and a value that leaves something unread."""

FAMILIES = ("node-classification", "few-shot", "node-regression", "edge-regression")
OPTIONS = {"few-shot": {"shots": 1}, "recommendation": {"valid": "none"}}

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")


def variants(name: str) -> list[Settings]:
    """Settings under which a model is tried, the small sizes included."""
    fields = field_names(models.get(name).Config)
    switches = [] if name == "higpt" else [{k: v} for k, v in OPTIONAL.items() if k in fields]
    return [{**SMALL.get(name, {}), **extra} for extra in (*EXTRA.get(name, ({},)), *switches)]


def graph(word: str = "", salt: int = 1, *, text: bool) -> HeteroGraph:
    """Users buy items, half have a tag; ``salt`` draws what ``word`` names, all else stays."""

    def draw(of: str) -> torch.Generator:
        return torch.Generator().manual_seed(salt if of == word else 0)

    codes = torch.randperm(USERS * ITEMS, generator=draw("edges"))[:200]
    bought = Relation.from_edges(
        codes // ITEMS,
        codes % ITEMS,
        USERS,
        ITEMS,
        weight=torch.rand(200, generator=draw("edge_weight")) + 0.1,
        edge_features=torch.rand(200, 2, generator=draw("edge_feature")),
        edge_time=torch.randint(0, 99, (200,), generator=draw("edge_time")),
    )
    tagged = torch.arange(USERS // 2)
    has = Relation.from_edges(tagged, tagged % TAGS, USERS, TAGS)
    shift = salt if word == "text" else 0
    texts = [f"user {number * (shift + 1)}" for number in range(USERS)]
    return HeteroGraph(
        num_nodes={"user": USERS, "item": ITEMS, "tag": TAGS},
        relations={BUYS: bought, HAS: has},
        features={"user": torch.randn(USERS, 5, generator=draw("features"))},
        text={"user": texts} if text else {},
    ).with_reverses()


@cache
def family_of(name: str) -> str:
    """The first family that a model is offered for."""
    families = (*FAMILIES, "recommendation")
    return next(family for family in families if not models.get(name).refuses(family))


def dataset_on(made: HeteroGraph, family: str, path: str = "") -> Dataset:
    """A data set for a family on a graph, with one default meta-path."""
    nodes = torch.arange(USERS)
    src, dst = made.relations[BUYS].edges()
    held = torch.stack([src, dst])[:, ::10]
    targets = {
        "labels": Labels("user", CLASSES, nodes, nodes % CLASSES),
        "values": Values("user", nodes, (nodes % 7).double(), "age"),
        "edge_values": EdgeValues(BUYS, torch.stack([src, dst]), (src % 5 + dst % 3).double()),
        "links": Links((BUYS,), None, held),
    }
    reads = task_class(family).reads
    if reads == "links":
        made = made.without_edges(BUYS, *held)
    paths = {"default": path} if path else {}
    return Dataset("toy/uses", made, targets[reads], task=family, metapaths=paths)


def task_on(dataset: Dataset) -> Task:
    """The task of a data set."""
    family = dataset.task
    return make_task(dataset, seeds=SEEDS, options=OPTIONS.get(family), family=family)


def relabelled(task: Task) -> Task:
    """The task with its training labels in another order, so that their mean and std stay."""
    if task_class(task.spec.kind).reads == "links":
        return task  # its labels are the edges
    train = task.index("train")
    task.labels[train] = task.labels[train].roll(1, 0)
    return task


def with_paths(name: str, settings: Settings, path: str, family: str) -> Settings:
    """The settings with a meta-path: that of the data set, or another one in place of their own."""
    cls = models.get(name)
    if "metapaths" not in field_names(cls.Config):
        return settings
    if settings.get("metapaths"):
        return {**settings, "metapaths": (path,)}
    config = cls.Config(**settings)
    plan = Plan(cls, "toy/uses", family, 0, config, TrainConfig(), None, SEEDS, {})
    bound = bind_metapaths(plan, dataset_on(graph(text=False), family, path))
    return {**settings, "metapaths": bound.config.metapaths}


def fresh(name: str, task: Task, settings: Settings) -> Method:
    """A method whose parameters are all drawn, so that nothing is hidden behind a zero."""
    cls, config = models.get(name), models.get(name).Config(**settings)
    torch.manual_seed(0)
    if "sources" in settings:  # whose experts would be trained first; here any will do
        method = cls.build(task.graph.schema, task.spec, config)
    else:
        method = cls.for_task(task, config)
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    return method.eval()


def outcome(method: Method, task: Task) -> Tensor:
    """What is predicted and kept of the test split; scores before they are fitted to labels."""
    if isinstance(method, ScoreBaseline):
        known = torch.full(task.labels.shape, torch.nan, dtype=torch.float64)
        known[task.index("train")] = task.labels[task.index("train")].double()
        return method.scores(task, known).double()
    with torch.no_grad():
        inputs = method.prepare(task, seeds=SEEDS)
        rows = (
            task.to_tensor(method.predict(inputs, "test"), "test"),
            method.embed(inputs, "test"),
        )
    return torch.cat([row.double().flatten() for row in rows])


def changes(name: str, settings: Settings, word: str, family: str, *, text: bool) -> bool:
    """Whether another value of what a word stands for gives another outcome."""
    first, second = (task_on(dataset_on(graph(word, salt, text=text), family)) for salt in (1, 2))
    if word == "labels":
        second = relabelled(second)
    before = with_paths(name, settings, SHORT, family)
    method = fresh(name, first, before)
    other = method
    if word == "metapaths":
        other = fresh(name, second, with_paths(name, settings, LONG, family))
    one, two = outcome(method, first), outcome(other, second)
    return not torch.allclose(one, two, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("word", USES)
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        pytest.param(name, settings, id=f"{name}-{number}")
        for name in models.names()
        for number, settings in enumerate(variants(name))
    ],
)
def test_predictions_change_with_what_is_read_alone(
    name: str,
    settings: Settings,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Features are tried without texts, too, which may take their place."""
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    cls = models.get(name)
    for text in (True, False):
        if text or word == "features":
            read = cls.reads(cls.Config(**settings), graph(text=text))
            assert read <= cls.uses
            changed = changes(name, settings, word, family_of(name), text=text)
            assert changed == (word in read), (text, read)


@pytest.mark.parametrize(
    "name", [name for name in models.names() if not models.get(name).refuses("recommendation")]
)
def test_a_recommendation_may_leave_out_what_other_tasks_read(name: str) -> None:
    cls = models.get(name)
    settings = variants(name)[0]
    read = cls.reads(cls.Config(**settings), graph(text=True))
    left_out = cls.left_out.get("recommendation", frozenset())
    assert left_out <= cls.uses
    changed = {word for word in USES if changes(name, settings, word, "recommendation", text=True)}
    assert changed == read - left_out


@pytest.mark.parametrize("name", models.names())
def test_all_that_a_model_uses_is_read_under_some_settings(name: str) -> None:
    cls = models.get(name)
    assert cls.uses is not None
    assert cls.uses <= set(USES)
    read = [
        cls.reads(cls.Config(**settings), graph(text=text))
        for settings in variants(name)
        for text in (True, False)
    ]
    assert frozenset().union(*read) == cls.uses
