"""The baseline of few-shot tasks: means of training nodes alone, along the graph if asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Labels
from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError
from hetgraph.models.prototype import Prototype, PrototypeConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, audit, make_task
from hetgraph.train import Trainer

SEEDS = Seeds.from_seed(0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def task(random_graph: Callable[..., HeteroGraph]) -> Task:
    """Papers whose features are their class, but for noise."""
    graph = random_graph(num_nodes=93)
    classes = torch.arange(100) % 4
    features = torch.eye(9)[classes] + 0.1 * torch.rand(100, 9)
    dataset = Dataset(
        "toy/prototype",
        graph.with_features("paper", features),
        Labels("paper", 4, torch.arange(100), classes),
    )
    return make_task(dataset, options={"shots": 2}, family="few-shot")


def fit(task: Task, **settings: Any) -> tuple[Prototype, dict[str, float]]:
    model = Prototype.for_task(task, PrototypeConfig(**settings))
    assert isinstance(model, Prototype)
    result = Trainer(seeds=SEEDS, progress=False).fit(model, task)
    return model, result.metrics["test"]


def test_it_finds_classes_that_features_tell(task: Task) -> None:
    audit(task)
    model, scores = fit(task, dim=16)
    assert scores["macro_f1"] == 1
    inputs = model.prepare(task, seeds=SEEDS)
    logits = model.predict(inputs, "test").values
    torch.testing.assert_close(logits, model.embed(inputs, "test") @ inputs.means.T)
    assert model.num_parameters() == 0


def test_hops_read_the_graph(task: Task) -> None:
    near, _ = fit(task, dim=16, hops=0)
    far, scores = fit(task, dim=16, hops=2, metapaths=("paper-author-paper",))
    assert scores["macro_f1"] < 1  # the graph is random
    own, mixed = (model.prepare(task, seeds=SEEDS).vectors for model in (near, far))
    assert not torch.allclose(own, mixed)
    torch.testing.assert_close(own[-1], mixed[-1])  # no edge


def test_labels_of_others_do_not_matter(task: Task) -> None:
    model, _ = fit(task, dim=16)
    before = model.prepare(task, seeds=SEEDS).means
    task._labels[task.index("valid")] = 0  # type: ignore[attr-defined]
    assert torch.equal(model.prepare(task, seeds=SEEDS).means, before)


def test_wrong_settings_are_told() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        PrototypeConfig(dim=0)
