"""Test scores with the defaults of a method, beside those with its experiment file.

Every pair is trained twice on the same splits: as on a graph that nobody tuned (no experiment file,
the stand-in of the method for missing features) and with the settings of the experiment file, if
the pair has one. The weights are selected on validation, and each run scores the test split once.
``chance`` is the best answer that is the same for all nodes.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from hetgraph.catalog import Dataset
from hetgraph.catalog.attach import add_features
from hetgraph.catalog.loading import load_dataset
from hetgraph.errors import DataError
from hetgraph.registry import models
from hetgraph.runs.experiment import find_experiment
from hetgraph.runs.plan import Plan, bind_metapaths, make_plan
from hetgraph.settings import config_to_dict
from hetgraph.tasks import Task, make_task
from hetgraph.tasks.predictions import NodePredictions
from hetgraph.train import rng
from hetgraph.train.engine import Engine
from hetgraph.train.trainer import Trainer

__all__ = ["CASES", "METHODS", "METRICS", "Case", "Score", "chance", "run", "scores", "table"]

METHODS = ("rgcn", "gat", "hgt", "simple_hgn", "han", "sehgnn", "rphgnn", "latte")
METRICS = ("micro_f1", "macro_f1")
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """A node classification that is trained on.

    Args:
        dataset: Name of the data set.
        bare: Whether all features are taken away; such a graph has no experiment file.
        models: Names of the models to train.
        task: Options of the protocol.
        train: Settings of the trainer that all runs share.
        options: Options of the data set.
    """

    dataset: str
    bare: bool = False
    models: tuple[str, ...] = METHODS
    task: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.dataset} without features" if self.bare else self.dataset

    def load(self) -> Dataset:
        """Loads the data set; drops the features if it is bare."""
        dataset = load_dataset(self.dataset, **self.options)
        graph = dataset.graph
        for node_type in graph.node_types if self.bare else ():
            graph = graph.with_features(node_type, None)
        return replace(dataset, graph=graph)


FEW = {"labels_per_class": 20}
CASES = (
    *(Case(f"hgb/{name}") for name in ("ACM", "DBLP", "IMDB")),
    *(Case(f"gtn/{name}") for name in ("ACM", "DBLP", "IMDB")),
    *(Case(f"heco/{name}", task=FEW) for name in ("acm", "dblp", "aminer")),
    *(Case(f"heco/{name}", bare=True, task=FEW) for name in ("acm", "dblp")),
    Case("planetoid/Cora", models=("rgcn", "gat", "hgt", "simple_hgn", "sehgnn", "rphgnn")),
)
QUICK = (
    Case(
        "synthetic/academic",
        models=("rgcn", "rphgnn"),
        train={"max_epochs": 3},
        options={"num_nodes": 600},
    ),
)


@dataclass(frozen=True)
class Score:
    """The test scores of a model with one kind of settings.

    Args:
        model: Name of the model.
        tuned: Whether the settings are those of the experiment file.
        metrics: Values of each seed by metric.
    """

    model: str
    tuned: bool
    metrics: Mapping[str, tuple[float, ...]]

    def text(self, metric: str) -> str:
        """Mean and std over the seeds, in percent."""
        values = self.metrics[metric]
        std = statistics.stdev(values) if len(values) > 1 else 0.0
        return f"{100 * statistics.mean(values):.1f} ± {100 * std:.1f}"


def run(console: Console, *, quick: bool = False) -> None:
    """Trains all pairs and prints a table per data set.

    Args:
        console: Where to print.
        quick: One small generated graph, one seed.
    """
    seeds = SEEDS[:1] if quick else SEEDS
    for case in QUICK if quick else CASES:
        try:
            dataset = case.load()
        except DataError as error:
            console.print(f"{case}: not measured, {error}")
            continue
        measured: list[Score] = []
        for model in case.models:
            with console.status(f"{model} on {case}"):
                measured += scores(case, dataset, model, seeds=seeds)
        constant = chance(_task(_plan(case, dataset, "rgcn", seeds[0], tuned=False), dataset))
        title = f"{case}, {len(seeds)} seeds, test, %"
        console.print(title, table(measured, constant), sep="\n")


def scores(case: Case, dataset: Dataset, model: str, *, seeds: Sequence[int]) -> Iterable[Score]:
    """Yields the scores with the defaults, then those with the experiment file if there is one."""
    has_file = find_experiment(models.get(model), case.dataset) is not None
    for tuned in (False, True) if has_file and not case.bare else (False,):
        tested = [
            _tested(_plan(case, dataset, model, seed, tuned=tuned), dataset) for seed in seeds
        ]
        yield Score(model, tuned, {key: tuple(row[key] for row in tested) for key in METRICS})


def chance(task: Task) -> dict[str, float]:
    """Returns the test scores of the best answer that is the same for all nodes.

    That is the largest class; of several labels per node it is as many of the most frequent in
    training as give the best Micro-F1.
    """
    known, number = task.labels[task.index("train")], task.spec.num_outputs
    constant = list(torch.eye(number))
    if task.spec.multi_label:
        order = known.sum(0).argsort(descending=True)
        constant = [torch.zeros(number).index_fill(0, order[:k], 1.0) for k in range(1, number + 1)]
    rows = task.index("test").numel()
    answers = [
        task.score(NodePredictions((2 * answer - 1).expand(rows, -1)), "test")
        for answer in constant
    ]
    best = max(answers, key=lambda answer: answer["micro_f1"])
    return {key: best[key] for key in METRICS}


def table(measured: Sequence[Score], constant: Mapping[str, float]) -> Table:
    """Returns a row per model, with the default beside the tuned setting."""
    shown = Table()
    shown.add_column("method")
    for metric in METRICS:
        for kind in ("default", "tuned"):
            shown.add_column(f"{metric}, {kind}", justify="right")
    for model in dict.fromkeys(score.model for score in measured):
        by_kind = {score.tuned: score for score in measured if score.model == model}
        cells = (
            by_kind[tuned].text(metric) if tuned in by_kind else "-"
            for metric in METRICS
            for tuned in (False, True)
        )
        shown.add_row(model, *cells)
    shown.add_row("chance", *(text for m in METRICS for text in (f"{100 * constant[m]:.1f}", "")))
    return shown


def _plan(case: Case, dataset: Dataset, model: str, seed: int, *, tuned: bool) -> Plan:
    settings = {"task": case.task, "train": {"device": "cpu", **case.train}}
    plan = make_plan(
        models.get(model), case.dataset, seed=seed, settings=settings, experiment=tuned
    )
    return bind_metapaths(plan, dataset)


def _task(plan: Plan, dataset: Dataset) -> Task:
    """Returns the task on the graph with the features that the run computes."""
    dataset = add_features(dataset, **plan.data)
    options = config_to_dict(plan.task)
    return make_task(dataset, seeds=plan.seeds, options=options, family=plan.family)


def _tested(plan: Plan, dataset: Dataset) -> Mapping[str, float]:
    """Trains once; returns the scores of the best epoch on validation, on the test split."""
    task = _task(plan, dataset)
    engine = Engine(plan.train)
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        model = plan.model.for_task(task, plan.config)
    trainer = Trainer(plan.train, seeds=plan.seeds, engine=engine, progress=False)
    return trainer.fit(model, task, splits=("valid", "test")).metrics["test"]
