"""What the contract tests of all families of tasks do with a model, and a data set they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, NodeValues
from hetgraph.data import EdgeType, HeteroGraph, Hypergraph, Relation
from hetgraph.methods import Method, Stage
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task
from hetgraph.train import TrainConfig, Trainer

SEEDS = Seeds.from_seed(0)

ITEMS, TAGS, KNOWN = 60, 7, 52

MakeTask = Callable[[Seeds], Task]


@dataclass(frozen=True)
class Contract:
    """Building, predicting, training, and the parts of the contract that no task changes.

    Args:
        make: Makes the task with given seeds.
        monitor: Metric to select by.
        batch_size: Rows of a batch in training.
        settings: What differs from the defaults of a model, by its name.
    """

    make: MakeTask
    monitor: str = "loss"
    batch_size: int = 8
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def config(self) -> TrainConfig:
        """A training of three short epochs."""
        return TrainConfig(
            max_epochs=3,
            patience=3,
            batch_size=self.batch_size,
            device="cpu",
            monitor=self.monitor,
        )

    def build(
        self, name: str, task: Task, *, like: Method | None = None, seeds: Seeds = SEEDS
    ) -> Method:
        """A fresh model with the seeded initialisation, or with the parameters of another."""
        torch.manual_seed(seeds.key("init"))
        cls = models.get(name)
        model = cls.for_task(task, cls.Config(**self.settings.get(name, {})))
        if like is not None:
            model.load_state_dict(like.state_dict())
        return model

    @staticmethod
    def predict(model: Method, task: Task, split: str = "test") -> Tensor:
        """Predictions without dropout."""
        model.eval()
        with torch.no_grad():
            return model.predict(model.prepare(task, seeds=SEEDS), split)

    @staticmethod
    def first_batch(model: Method, task: Task, **options: Any) -> tuple[Any, Stage]:
        """A training batch of the first stage."""
        stage = model.stages()[0]
        inputs = model.prepare(task, seeds=SEEDS)
        given = {"stage": stage, "batch_size": 8, "generator": torch.Generator().manual_seed(0)}
        return next(iter(model.batches(inputs, "train", **{**given, **options}))), stage

    def first_loss(self, name: str, task: Task) -> Tensor:
        """The loss of the first batch of a fresh model, with seeded dropout."""
        model = self.build(name, task).train()
        batch, stage = self.first_batch(model, task)
        torch.manual_seed(0)
        return model.training_step(batch, stage=stage).total

    def dead_parameters(self, name: str, batch_size: int) -> list[str]:
        """Names of the parameters that a batch gives no gradient, or one of zeros."""
        task = self.make(SEEDS)
        model = self.build(name, task).train()
        batch, stage = self.first_batch(model, task, batch_size=batch_size)
        model.training_step(batch, stage=stage).total.backward()
        found = model.named_parameters()
        return [key for key, one in found if one.grad is None or not bool((one.grad != 0).any())]

    def check_empty_batch(self, name: str) -> None:
        """The last of 16 processes gets no row of a batch of eight: no loss, no gradient."""
        task = self.make(SEEDS)
        model = self.build(name, task).train()
        batch, stage = self.first_batch(model, task, shard=(15, 16))
        loss = model.training_step(batch, stage=stage)
        assert loss.count == 0
        loss.total.backward()
        for parameter in model.parameters():
            assert parameter.grad is None or not bool(parameter.grad.any())

    def check_saving(self, name: str, folder: Path) -> None:
        """A model that was saved and loaded is the same and predicts the same."""
        task = self.make(SEEDS)
        model = self.build(name, task)
        model.save(folder)
        loaded = Method.load(folder)
        assert type(loaded) is type(model)
        assert (loaded.config, loaded.spec) == (model.config, model.spec)
        assert torch.equal(self.predict(loaded, task), self.predict(model, task))

    def check_seeds(self, name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Same seed, same weights and scores; returns the weights of two other seeds."""
        (one, scores), (two, again), (other, _) = (self._trained(name, seed) for seed in (1, 1, 2))
        assert scores == again
        assert all(torch.equal(one[key], two[key]) for key in one)
        return one, other

    def check_resuming(self, name: str, folder: Path, *, stop_at: int) -> None:
        """A training that is interrupted in a step and resumed ends with the same weights."""
        whole = self._interrupted(name, folder / "whole").state_dict()
        self._interrupted(name, folder / "parts", stop_at=stop_at)
        resumed = self._interrupted(name, folder / "parts", resume=True).state_dict()
        assert all(torch.equal(whole[key], resumed[key]) for key in whole)

    def _trained(self, name: str, seed: int) -> tuple[dict[str, Tensor], dict[str, float]]:
        seeds = Seeds.from_seed(seed)
        task = self.make(seeds)
        model = self.build(name, task, seeds=seeds)
        result = Trainer(self.config, seeds=seeds, progress=False).fit(model, task)
        return model.state_dict(), result.metrics["test"]

    def _interrupted(
        self, name: str, out: Path, *, stop_at: int | None = None, resume: bool = False
    ) -> Method:
        task = self.make(SEEDS)
        model = self.build(name, task)
        step, calls = model.training_step, iter(range(10**6))

        def interrupted(batch: Any, *, stage: Stage) -> Any:
            if next(calls) == stop_at:
                raise KeyboardInterrupt
            return step(batch, stage=stage)

        model.training_step = interrupted  # type: ignore[method-assign]
        config = replace(self.config, checkpoint_batches=1)
        trainer = Trainer(config, seeds=SEEDS, out=out, progress=False)
        if stop_at is None:
            trainer.fit(model, task, resume=resume)
        else:
            with pytest.raises(KeyboardInterrupt):
                trainer.fit(model, task)
        return model


@pytest.fixture
def contract_of() -> Callable[..., Contract]:
    """Makes a :class:`Contract` for the tasks that a function makes."""
    return Contract


@pytest.fixture
def importance_dataset() -> Callable[..., Dataset]:
    """Factory of items linked by two relations and to tags; values grow with the degree.

    The last eight items have no value, and the very last no edge; hyperedges overlap.
    """
    return _make_importance


def _make_importance(seed: int = 0, *, edges: bool = True, sets: bool = True) -> Dataset:
    generator = torch.Generator().manual_seed(seed)

    def relation(src: int, dst: int, count: int) -> Relation:
        ends = [torch.randint(n, (count,), generator=generator) for n in (src, dst)]
        ends[0] = (ends[0].double() ** 2 / src).long()  # some have many edges
        return Relation.from_edges(*ends, *(ITEMS if n == ITEMS - 1 else n for n in (src, dst)))

    likes, near = relation(ITEMS - 1, ITEMS - 1, 200), relation(ITEMS - 1, ITEMS - 1, 60)
    tagged = relation(ITEMS - 1, TAGS, 120)
    degree = (likes.degree + likes.transpose.degree).double()
    noise = torch.rand(ITEMS, generator=generator, dtype=torch.float64)
    index = torch.arange(KNOWN)
    keys = [EdgeType("item", "likes", "item"), EdgeType("item", "near", "item")]
    keys += [EdgeType("item", "tagged", "tag")]
    graph = HeteroGraph(
        num_nodes={"item": ITEMS, "tag": TAGS},
        relations=dict(zip(keys, (likes, near, tagged), strict=True)) if edges else {},
        features={
            "item": torch.randn(ITEMS, 5, generator=generator),
            "tag": torch.randn(TAGS, 3, generator=generator),
        },
    )
    if edges:
        graph = graph.with_reverses()
    groups = Hypergraph.from_sets(
        [range(0, 20), range(15, 40), [*range(40, 59, 2), 62], [3]],
        [0, 1, 1, 0],
        num_nodes=graph.num_nodes,
    )
    return Dataset(
        "toy/importance",
        graph,
        values=NodeValues("item", index, (10 * degree + 30 * noise)[index], "visits"),
        hypergraphs={"groups": groups} if sets else {},
        task="node-importance",
    )
