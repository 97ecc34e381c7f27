"""What the contract tests of all families of tasks do with a method, and data sets they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Labels, Links, Split, Values
from hetgraph.data import CSR, EdgeType, HeteroGraph, Hypergraph, Relation
from hetgraph.methods import Loss, Method, Stage
from hetgraph.models.gph2 import ExpertConfig
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import SPLITS, NodePredictions, Predictions, Task, task_class
from hetgraph.train import TrainConfig, Trainer

SEEDS = Seeds.from_seed(0)


@pytest.fixture(autouse=True)
def _hashed_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are hashed by default, whatever is installed: it is fast and everywhere the same."""
    monkeypatch.setattr("hetgraph.models.higpt.config.best_encoder", lambda: "hash")


ITEMS, TAGS, KNOWN = 60, 7, 52

SHOP = {"user": 23, "item": 29, "tag": 11}
"""Numbers of nodes of the shop: no two are alike, and none is the dimension of a layer."""
BUYS, NEAR = EdgeType("user", "buys", "item"), EdgeType("item", "near", "item")
NUM_CLASSES = 3

SMALL: Mapping[str, Mapping[str, Any]] = {
    "diffgraph": {"hidden_dim": 8, "denoiser_dims": (8,), "num_layers": 2},
    "gat": {"hidden_dim": 4, "num_heads": 2},
    "geni": {"hidden_dim": 8, "num_heads": 2, "type_dim": 4},
    "gph2": {"experts": "scratch", "expert": ExpertConfig(dim=16)},
    "han": {"hidden_dim": 4, "num_heads": 2, "semantic_dim": 8},
    "hgt": {"hidden_dim": 8, "num_heads": 2},
    "higpt": {"dim": 16, "num_heads": 2},
    "ids": {"dim": 8},
    "latte": {"hidden_dim": 8},
    "lightgcn": {"hidden_dim": 8},
    "metahgnie": {"hidden_dim": 4, "num_heads": 2, "walk_dim": 8, "type_dim": 4},
    "mlp": {"hidden_dim": 16},
    "prototype": {"dim": 16, "hops": 2},
    "rgcn": {"hidden_dim": 8},
    "rphgnn": {"noise_dim": 16, "hidden_dim": 16},
    "sehgnn": {"embed_dim": 16, "hidden_dim": 16},
    "simple_hgn": {"hidden_dim": 8, "num_heads": 2, "edge_dim": 4},
}
"""Settings under which every method is fast on a toy graph."""

MakeTask = Callable[[Seeds], Task]


@dataclass(frozen=True)
class Contract:
    """Building, predicting, training, and the checks that no family of tasks changes.

    Args:
        make: Makes the task with given seeds.
        monitor: Metric to select by.
        batch_size: Samples of a batch in training.
        settings: What differs from the defaults of a model, by its name.
    """

    make: MakeTask
    monitor: str = "loss"
    batch_size: int = 8
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def config(self) -> TrainConfig:
        """A training of two short epochs."""
        return TrainConfig(
            max_epochs=2,
            patience=2,
            batch_size=self.batch_size,
            device="cpu",
            monitor=self.monitor,
        )

    def build(
        self, name: str, task: Task, *, like: Method | None = None, seeds: Seeds = SEEDS
    ) -> Method:
        """A fresh method with the seeded initialisation, or with the parameters of another."""
        torch.manual_seed(seeds.key("init"))
        cls = models.get(name)
        model = cls.for_task(task, cls.Config(**self.settings.get(name, {})))
        if like is not None:
            model.load_state_dict(like.state_dict())
        return model

    @staticmethod
    def predictions(model: Method, task: Task, split: str = "test") -> Predictions:
        """What is said of a split, without dropout."""
        model.eval()
        with torch.no_grad():
            return model.predict(model.prepare(task, seeds=SEEDS), split)

    @classmethod
    def predict(cls, model: Method, task: Task, split: str = "test") -> Tensor:
        """What is kept of the predictions for a split."""
        return task.to_tensor(cls.predictions(model, task, split), split)

    @staticmethod
    def outputs(model: Method, task: Task) -> Tensor:
        """``[all nodes of the splits, num_outputs]``, or ``[num_src, num_dst, num_outputs]``."""
        model.eval()
        with torch.no_grad():
            inputs = model.prepare(task, seeds=SEEDS)
            first = model.predict(inputs, "train")
            if isinstance(first, NodePredictions):
                rest = [model.predict(inputs, split) for split in SPLITS[1:]]
                return torch.cat([part.values for part in (first, *rest)])
            key = task.spec.edge_types[0]
            size = (task.graph.num_nodes[key.src], task.graph.num_nodes[key.dst])
            return first.of(torch.cartesian_prod(*map(torch.arange, size)).T).view(*size, -1)

    @staticmethod
    def first_batch(model: Method, task: Task, **options: Any) -> tuple[Any, Stage]:
        """A training batch of the first stage."""
        stage = model.stages()[0]
        inputs = model.prepare(task, seeds=SEEDS)
        given = {"stage": stage, "batch_size": 8, "generator": torch.Generator().manual_seed(0)}
        return next(iter(model.batches(inputs, "train", **{**given, **options}))), stage

    def first_loss(self, name: str, task: Task) -> Tensor:
        """The loss of the first batch of a fresh method, with seeded dropout."""
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
        grads = {key: parameter.grad for key, parameter in model.named_parameters()}
        return [key for key, grad in grads.items() if grad is None or not bool((grad != 0).any())]

    def check_works(self, name: str, task: Task) -> None:
        """A fresh method says something finite of every node or pair, and can be trained."""
        model = self.build(name, task)
        assert bool(torch.isfinite(self.outputs(model, task)).all())
        if model.stages():
            batch, stage = self.first_batch(model.train(), task)
            loss = model.training_step(batch, stage=stage).total
            loss.backward()
            assert bool(torch.isfinite(loss))
            for key, parameter in model.named_parameters():
                grad = parameter.grad
                assert grad is None or bool(torch.isfinite(grad).all()), key

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
        """A method that was saved and loaded is the same and predicts the same."""
        task = self.make(SEEDS)
        model = self.build(name, task)
        model.save(folder)
        loaded = Method.load(folder)
        assert type(loaded) is type(model)
        assert (loaded.name, loaded.config, loaded.spec) == (model.name, model.config, model.spec)
        assert torch.equal(self.predict(loaded, task), self.predict(model, task))

    def check_seeds(self, name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Same seed, same weights and scores; returns the weights of two other seeds."""
        first, again, other = (self._trained(name, seed) for seed in (1, 1, 2))
        assert first[1] == again[1]
        assert all(torch.equal(first[0][key], again[0][key]) for key in first[0])
        return first[0], other[0]

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

        def interrupted(batch: Any, *, stage: Stage) -> Loss:
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
def weigh() -> Callable[..., HeteroGraph]:
    """Factory of a graph with drawn weights, every fifth 0 and maybe every third negative."""

    def build(graph: HeteroGraph, *, signed: bool = False) -> HeteroGraph:
        generator = torch.Generator().manual_seed(0)
        weighed: dict[EdgeType, Relation] = {}
        for key, edges in graph.relations.items():
            reverse = graph.schema.reverse_of(key)
            if reverse in weighed:
                weighed[key] = weighed[reverse].transpose
                continue
            weight = 0.25 + 4 * torch.rand(edges.nnz, generator=generator)
            weight[::5] = 0
            weight[::3] *= -1 if signed else 1
            weighed[key] = edges.with_weight(weight)
        return graph.replace(relations=weighed)

    return build


@pytest.fixture
def contract_of() -> Callable[..., Contract]:
    """Makes a :class:`Contract` for the tasks that a function makes."""
    return Contract


@pytest.fixture(scope="session")
def small_settings() -> Mapping[str, Mapping[str, Any]]:
    """Settings under which every method is fast on a toy graph."""
    return SMALL


@pytest.fixture(scope="session")
def shop() -> Callable[..., Dataset]:
    """Factory of a toy shop, and what a family of tasks asks of it; see :func:`make_shop`."""
    return make_shop


def make_shop(family: str, key: EdgeType = BUYS) -> Dataset:
    """Users buy and view items, which are near others and have tags.

    Every type has features of its own dim, so that nothing depends on the numbers of the nodes. The
    last node of each type has no edge, but a label where nodes have some. All splits are given.

    Args:
        family: Family of tasks.
        key: The relation that is asked about, if one is: ``buys``, or ``near`` within one type.
    """
    generator = torch.Generator().manual_seed(0)

    def relation(src: str, dst: str, count: int) -> Relation:
        sizes = SHOP[src] - 1, SHOP[dst] - 1
        codes = torch.randperm(sizes[0] * sizes[1], generator=generator)[:count]
        return Relation.from_edges(codes // sizes[1], codes % sizes[1], SHOP[src], SHOP[dst])

    tags = torch.randn(SHOP["tag"], 3, generator=generator)
    graph = HeteroGraph(
        num_nodes=SHOP,
        relations={
            BUYS: relation("user", "item", 90),
            EdgeType("user", "views", "item"): relation("user", "item", 110),
            NEAR: relation("item", "item", 80),
            EdgeType("item", "tagged", "tag"): relation("item", "tag", 60),
        },
        features={
            "user": torch.randn(SHOP["user"], 5, generator=generator),
            "item": torch.randn(SHOP["item"], 4, generator=generator),
            "tag": CSR.from_dense(tags),
        },
    ).with_reverses()
    return _ask(graph, family, key)


def _ask(graph: HeteroGraph, family: str, key: EdgeType) -> Dataset:
    """Adds a target and its splits."""
    nodes = torch.arange(SHOP["user"])
    src, dst = graph.relations[key].edges()
    edges = torch.stack([src, dst])
    ids = torch.arange(edges.shape[1])
    split, groups = Split(nodes[:12], nodes[12:16], nodes[16:]), {}
    of_edges = Split(ids[ids % 5 > 1], ids[1::5], ids[::5])
    target: Any
    match task_class(family).reads:
        case "labels":
            target = Labels("user", NUM_CLASSES, nodes, nodes % NUM_CLASSES)
        case "values":
            degree = graph.relations[BUYS].transpose.degree.double()
            target = Values("user", nodes, degree + nodes % 3, "purchases")
            sets = [range(9), range(5, 22), [*range(8, 40, 3)], [3, 55]]
            groups = {"groups": Hypergraph.from_sets(sets, [0, 1, 1, 0], num_nodes=SHOP)}
        case "edge_labels":
            target, split = EdgeLabels(key, NUM_CLASSES, edges, (src + dst) % 3), of_edges
        case "edge_values":
            target, split = EdgeValues(key, edges, (src % 5 + dst % 3).double()), of_edges
        case _:
            held = edges[:, ids % 5 < 2]
            for other in graph.edge_types:
                if (other.src, other.dst) == (key.src, key.dst):
                    graph = graph.without_edges(other, *held)
            target = Links((key,), edges[:, of_edges.valid], edges[:, of_edges.test])
    splits = {} if isinstance(target, Links) else {"default": split}
    return Dataset("toy/shop", graph, target, splits, groups, task=family)


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
        targets=Values("item", index, (10 * degree + 30 * noise)[index], "visits"),
        hypergraphs={"groups": groups} if sets else {},
        task="node-importance",
    )
