"""Every model says truthfully what of a graph it reads: predictions change with it, or do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, EdgeValues, Labels, Links, Values
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.methods import Method
from hetgraph.methods.registered import USES
from hetgraph.models.gph2 import ExpertConfig
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.settings import field_names
from hetgraph.tasks import Task, make_task, task_class

USERS, ITEMS, CLASSES = 40, 30, 3
BUYS = EdgeType("user", "buys", "item")
SEEDS = Seeds.from_seed(0)
# Settings that make a model read all that it can.
SETTINGS: dict[str, dict[str, Any]] = {
    "gph2": {"experts": "scratch", "expert": ExpertConfig(dim=16)},
    "higpt": {"encoder": "hash", "dim": 16, "num_heads": 2},
    "prototype": {"dim": 16},
    "rphgnn": {"labels": True, "edge_weights": True},
    "sehgnn": {"labels": True},
}
FAMILIES = ("node-classification", "few-shot", "node-regression", "edge-regression")
OPTIONS = {"few-shot": {"shots": 1}, "recommendation": {"valid": "none"}}
GIVEN = ("features", "text", "edge_weight", "edge_feature", "edge_time")

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")


def graph(**salts: int) -> HeteroGraph:
    """Users buy items; a salt draws what it is named after, a missing one leaves the text out."""
    fixed = torch.Generator().manual_seed(0)
    codes = torch.randperm(USERS * ITEMS, generator=fixed)[:200]
    draw = {word: torch.Generator().manual_seed(salts.get(word, 0)) for word in GIVEN}
    bought = Relation.from_edges(
        codes // ITEMS,
        codes % ITEMS,
        USERS,
        ITEMS,
        weight=torch.rand(200, generator=draw["edge_weight"]) + 0.1,
        edge_features=torch.rand(200, 2, generator=draw["edge_feature"]),
        edge_time=torch.randint(0, 99, (200,), generator=draw["edge_time"]),
    )
    texts = [f"user {number * salts.get('text', 0)}" for number in range(USERS)]
    return HeteroGraph(
        num_nodes={"user": USERS, "item": ITEMS},
        relations={BUYS: bought},
        features={"user": torch.randn(USERS, 5, generator=draw["features"])},
        text={"user": texts} if "text" in salts else {},
    ).with_reverses()


def family_of(name: str) -> str:
    """The first family that a model is offered for."""
    families = (*FAMILIES, "recommendation")
    return next(family for family in families if not models.get(name).refuses(family))


def task_on(made: HeteroGraph, family: str) -> Task:
    """A task of a family on a graph."""
    nodes = torch.arange(USERS)
    src, dst = made.relations[BUYS].edges()
    held = torch.stack([src, dst])[:, ::10]
    labels = Labels("user", CLASSES, nodes, nodes % CLASSES)
    targets = {
        "labels": labels,
        "values": Values("user", nodes, (nodes % 7).double(), "age"),
        "edge_values": EdgeValues(BUYS, torch.stack([src, dst]), (src % 5 + dst % 3).double()),
        "links": Links((BUYS,), None, held),
    }
    reads = task_class(family).reads
    if reads == "links":
        made = made.without_edges(BUYS, *held)
    dataset = Dataset("toy/uses", made, targets[reads], task=family)
    return make_task(dataset, seeds=SEEDS, options=OPTIONS.get(family), family=family)


def outcome(method: Method, task: Task) -> Tensor:
    method.eval()
    with torch.no_grad():
        inputs = method.prepare(task, seeds=SEEDS)
        rows = (
            task.to_tensor(method.predict(inputs, "test"), "test"),
            method.embed(inputs, "test"),
        )
    return torch.cat([row.double().flatten() for row in rows])


def fresh(name: str, task: Task) -> Method:
    """A method whose parameters are all drawn, so that nothing is hidden behind a zero."""
    cls = models.get(name)
    torch.manual_seed(0)
    method: Method = cls.for_task(task, cls.Config(**SETTINGS.get(name, {})))
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    return method


def differs(first: Tensor, second: Tensor) -> bool:
    return not torch.allclose(first, second, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", models.names())
def test_predictions_change_with_what_is_read_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    family, uses = family_of(name), models.get(name).uses
    read = set()
    for word in GIVEN:
        task, other = (task_on(graph(**{word: salt}), family) for salt in (1, 2))
        method = fresh(name, task)
        if differs(outcome(method, task), outcome(method, other)):
            read.add(word)
    assert read == uses & set(GIVEN)


@pytest.mark.parametrize(
    "name",
    [name for name in models.names() if family_of(name) in ("node-classification", "few-shot")],
)
def test_labels_are_an_input_of_those_that_say_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    if name == "gph2":
        pytest.skip("its labels weigh experts, and there is one alone")
    family, made = family_of(name), graph(text=1)
    task = task_on(made, family)
    changed = task_on(made, family)
    train = task.index("train")
    changed.labels[train[::2]] = (changed.labels[train[::2]] + 1) % CLASSES
    method = fresh(name, task)
    read = differs(outcome(method, task), outcome(method, changed))
    assert read == ("labels" in models.get(name).uses)


@pytest.mark.parametrize("name", models.names())
def test_words_are_known_and_meta_paths_are_a_setting(name: str) -> None:
    cls = models.get(name)
    assert cls.uses is not None
    assert cls.uses <= set(USES)
    assert ("metapaths" in cls.uses) == ("metapaths" in field_names(cls.Config))
    assert cls.reads(cls.Config(**SETTINGS.get(name, {})), graph()) <= cls.uses


@pytest.mark.parametrize(
    ("name", "settings", "left_out"),
    [
        ("rphgnn", {}, {"edge_weight", "labels"}),
        ("rphgnn", {"edge_weights": True}, {"labels"}),
        ("sehgnn", {}, {"labels"}),
        ("rgcn", {"inputs": "ids"}, {"features"}),
        ("hgt", {"inputs": "ids"}, {"features"}),
        ("simple_hgn", {"inputs": "ids"}, {"features"}),
        ("hgt", {"inputs": "target"}, set()),
        ("higpt", {"inputs": "features"}, {"text"}),
        ("metahgnie", {}, {"text", "metapaths"}),
    ],
)
def test_settings_decide_on_some(name: str, settings: dict[str, Any], left_out: set[str]) -> None:
    cls = models.get(name)
    assert cls.uses - cls.reads(cls.Config(**settings), graph()) == left_out


def test_texts_take_the_place_of_features_in_metahgnie() -> None:
    cls = models.get("metahgnie")
    assert cls.reads(cls.Config(), graph(text=1)) == {"text"}
    given = cls.Config(hypergraph="metapath", metapaths=("user-item-user",))
    assert cls.reads(given, graph()) == {"features", "metapaths"}
