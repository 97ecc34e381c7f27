"""Validation scores of models by the stand-in of node types without features.

Every model is trained with the same settings (:data:`SETTINGS`, else the defaults of its class),
as long as every other one, on the same splits; only the stand-in differs. ``ids`` is what each
model does by itself: learned vectors, noise (RpHGNN), a random frame (class means). Test splits
cannot be reached from here.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console

from hetgraph.catalog import Dataset
from hetgraph.catalog.loading import load_dataset
from hetgraph.errors import DataError
from hetgraph.features import apply_standins
from hetgraph.listing import Listing
from hetgraph.registry import models, standins
from hetgraph.runs.plan import Plan, bind_metapaths, make_plan
from hetgraph.settings import config_to_dict
from hetgraph.tasks import make_task
from hetgraph.train import TrainConfig, rng
from hetgraph.train.engine import Engine
from hetgraph.train.trainer import Trainer

__all__ = ["CASES", "Case", "Score", "run", "scores", "table"]


@dataclass(frozen=True)
class Case:
    """A graph in which some types have no features.

    Args:
        dataset: Name of the data set.
        dropped: Types whose features are taken away, besides those that never had any.
        models: Names of the models to train.
        epochs: Epochs of each training.
        options: Options of the data set.
    """

    dataset: str
    dropped: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    epochs: int = 30
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.dataset} without {', '.join(self.dropped)}" if self.dropped else self.dataset

    def load(self) -> Dataset:
        """Loads the data set and drops the features."""
        dataset = load_dataset(self.dataset, **self.options)
        graph = dataset.graph
        for node_type in self.dropped:
            graph = graph.with_features(node_type, None)
        return replace(dataset, graph=graph)


ENCODERS = ("rgcn", "hgt", "rphgnn")
CASES = (
    Case("gtn/IMDB", ("movie",), ("prototype", *ENCODERS, "han")),
    Case("gtn/IMDB", ("director", "actor"), ENCODERS),
    Case("heco/aminer", (), ("prototype", *ENCODERS)),
    Case("hgb/DBLP", ("author", "paper", "term"), ("prototype", *ENCODERS)),
    Case("hgb/DBLP", ("author",), ("prototype", *ENCODERS)),
)
"""Class means and HAN read the features of the target alone."""
QUICK = (
    Case(
        "synthetic/academic",
        ("author",),
        models=("rgcn",),
        epochs=3,
        options={"num_nodes": 600},
    ),
)
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "hgt": {"norm": False, "dropout": 0.2},
    "han": {"max_neighbors": None},
}
"""Settings of the models with which the table of the docs was made."""
FEW_SHOT = {"shots": 5, "valid_shots": 20, "test_fraction": 0.5}
"""Labels of each class for the class means: few to learn from, enough to validate on."""


@dataclass(frozen=True)
class Score:
    """The validation scores of a model with one stand-in.

    Args:
        case: Graph and length of the training.
        model: Name of the model.
        kind: Kind of the stand-in.
        monitor: What was measured; more is better.
        values: Best validation value of each seed.
    """

    case: Case
    model: str
    kind: str
    monitor: str
    values: tuple[float, ...]

    @property
    def text(self) -> str:
        """Mean and std over the seeds, in percent."""
        std = statistics.stdev(self.values) if len(self.values) > 1 else 0.0
        return f"{100 * statistics.mean(self.values):.1f} ± {100 * std:.1f}"


def run(console: Console, *, quick: bool = False) -> None:
    """Trains all models with all stand-ins and prints their validation scores.

    Args:
        console: Where to print.
        quick: One small generated graph, one seed.
    """
    for case in QUICK if quick else CASES:
        try:
            dataset = case.load()
        except DataError as error:
            console.print(f"{case}: not measured, {error}")
            continue
        for model in case.models:
            with console.status(f"{model} on {case}"):
                found = list(scores(case, dataset, model, seeds=range(_seeds(model, quick=quick))))
            console.print(_title(found[0]), markup=False, soft_wrap=True)
            console.print(table(found))


def _seeds(model: str, *, quick: bool) -> int:
    """Returns 3, or 10 of the class means: they cost nothing, and their labels are few."""
    return 1 if quick else 10 if model == "prototype" else 3


def scores(case: Case, dataset: Dataset, model: str, *, seeds: Sequence[int]) -> Iterable[Score]:
    """Yields the scores of a model with each kind of stand-in that the graph allows."""
    for kind in standins.names():
        try:
            graph = apply_standins(dataset.graph, kind)
        except DataError:  # no neighbours with features
            continue
        made = replace(dataset, graph=graph)
        plans = [_plan(case, made, model, seed) for seed in seeds]
        values = tuple(_validated(plan, made) for plan in plans)
        yield Score(case, model, kind, plans[0].train.monitor, values)


def table(found: Sequence[Score]) -> Listing:
    """Returns the scores of one model as a row per stand-in, the best one marked."""
    number = f"mean ± std of {len(found[0].values)} seeds"
    shown = Listing("stand-in", number, right=(number,))
    best = max(found, key=lambda score: statistics.mean(score.values))
    for score in found:
        shown.add_row(score.kind, score.text, style="bold" if score is best else None)
    return shown


def _title(score: Score) -> str:
    case = score.case
    return f"{score.model} on {case}, {case.epochs} epochs, validation {score.monitor}, %"


def _plan(case: Case, dataset: Dataset, model: str, seed: int) -> Plan:
    """Returns a run with the defaults of the classes: published settings suit one stand-in."""
    cls = models.get(model)
    plan = make_plan(cls, case.dataset, seed=seed)
    options = FEW_SHOT if plan.family == "few-shot" else {}
    train = TrainConfig(
        lr=0.01, max_epochs=case.epochs, patience=None, monitor="f1_mean", device="cpu"
    )
    task = replace(type(plan.task)(), **options)
    config = cls.Config(**SETTINGS.get(model, {}))
    return bind_metapaths(replace(plan, config=config, train=train, task=task), dataset)


def _validated(plan: Plan, dataset: Dataset) -> float:
    """Trains once; returns the best value of the monitor on validation."""
    task = make_task(
        dataset, seeds=plan.seeds, options=config_to_dict(plan.task), family=plan.family
    ).without_test()
    engine = Engine(plan.train)
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        model = plan.model.for_task(task, plan.config)
    trainer = Trainer(plan.train, seeds=plan.seeds, engine=engine, progress=False)
    result = trainer.fit(model, task, splits=("valid",))
    return task.monitor_value(result.metrics["valid"], plan.train.monitor)
