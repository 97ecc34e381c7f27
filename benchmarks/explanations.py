"""Whether the weights that `hetgraph explain` shows find the cause planted in generated graphs.

Every method is trained with the defaults of its class on ten graphs. Their labels are carried by
one of four relations, by one of four relations whose features are the smallest, or by one of four
meta-paths; see :func:`planted`. A cause is as relevant as the sum of the weights of all rows that
name it and no other. By chance its mean rank is 2.5, and it is first on one graph of four.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from rich.console import Console
from rich.table import Table

from hetgraph.benchmarks._planted import CANDIDATES, TARGET, Cause, Planted, planted
from hetgraph.methods import Method, RelevanceRow
from hetgraph.registry import models
from hetgraph.runs.plan import bind_metapaths, make_plan
from hetgraph.settings import config_to_dict
from hetgraph.tasks import Task, make_task
from hetgraph.train import TrainConfig, rng
from hetgraph.train.engine import Engine
from hetgraph.train.trainer import Trainer

__all__ = ["CASES", "Finding", "finding", "planted", "run", "strengths"]

_ALL = ("rgcn", "hgt", "simple_hgn", "higpt", "latte", "sehgnn", "rphgnn")
CASES: dict[Cause, tuple[str, ...]] = {
    "relation": _ALL,
    "quiet relation": _ALL,
    "meta-path": (*_ALL, "han", "diffgraph"),
}
"""Methods by cause. Those that read meta-paths alone do not see the features of other types. The
rows of GPH² and MetaHGNIE are about other graphs and about channels, so they name no cause."""

GRAPHS, EPOCHS, LR = 10, 60, 0.01
FOUND, LEARNT = 8, 0.5
"""Graphs of ten on which the cause is first, and accuracy of three classes, of a true weight."""


@dataclass(frozen=True)
class Finding:
    """What the weights of one method say about one kind of cause.

    Args:
        cause: Kind of the cause.
        model: Name of the method.
        ranks: Rank of the planted cause among four, for each graph; equal weights share a rank.
        accuracy: Mean accuracy on validation nodes; chance is about a third.
    """

    cause: Cause
    model: str
    ranks: tuple[float, ...]
    accuracy: float

    @property
    def first(self) -> int:
        """Number of graphs on which the cause has the largest weight."""
        return sum(rank == 1 for rank in self.ranks)

    @property
    def verdict(self) -> str:
        """Whether the weights can be trusted: a method that learnt nothing cannot mislead."""
        if self.accuracy < LEARNT:
            return "learns nothing"
        if self.first >= FOUND / GRAPHS * len(self.ranks):
            return "finds it"
        return "unsure" if self.first > len(self.ranks) / 2 else "misleads"


def run(console: Console, *, quick: bool = False) -> None:
    """Trains all methods on all graphs and prints a table for each kind of cause.

    Args:
        console: Where to print.
        quick: Two graphs, five epochs.
    """
    graphs, epochs = (2, 5) if quick else (GRAPHS, EPOCHS)
    for cause, names in CASES.items():
        findings = []
        for name in names:
            with console.status(f"{name}, {cause}"):
                findings.append(finding(cause, name, graphs=graphs, epochs=epochs))
        console.print(_table(cause, findings))


def finding(cause: Cause, model: str, *, graphs: int, epochs: int) -> Finding:
    """Trains a method on each graph, and ranks the planted cause by the method's weights."""
    ranks, accuracies = [], []
    for seed in range(graphs):
        made = planted(cause, seed)
        rows, accuracy = _trained(model, made, seed, epochs)
        ranks.append(_rank(strengths(rows), made.cause))
        accuracies.append(accuracy)
    return Finding(cause, model, tuple(ranks), statistics.mean(accuracies))


def strengths(rows: Iterable[RelevanceRow]) -> dict[str, float]:
    """Returns the sum of the weights of the rows that name each candidate and no other.

    Types whose messages are mixed into others count for the way they arrive.

    Example:
        >>> rows = [
        ...     RelevanceRow("item", "red -marks> item", order=0, weight=0.7),
        ...     RelevanceRow("item", "{blue, red} -> blue -marks> item", order=1, weight=0.2),
        ... ]
        >>> strengths(rows)
        {'red': 0.7, 'green': 0.0, 'blue': 0.2, 'black': 0.0}
    """
    sums = dict.fromkeys(CANDIDATES, 0.0)
    for row in rows:
        way = re.sub(r"^\{[^{}]*\}", "", row.relation)
        named = [name for name in CANDIDATES if re.search(rf"\b{name}\b", way)]
        if row.node_type == TARGET and row.label is None and len(named) == 1:
            sums[named[0]] += row.weight
    return sums


def _rank(strength: dict[str, float], cause: str) -> float:
    own = strength[cause]
    larger = sum(value > own for value in strength.values())
    equal = sum(value == own for value in strength.values())
    return larger + (equal + 1) / 2


def _trained(model: str, made: Planted, seed: int, epochs: int) -> tuple[list[RelevanceRow], float]:
    """Returns the relevance of a trained method, and its accuracy on validation nodes."""
    cls, dataset = models.get(model), made.dataset
    plan = make_plan(cls, "synthetic/academic", seed=seed)  # no settings of an experiment file
    train = TrainConfig(lr=LR, max_epochs=epochs, patience=None, monitor="accuracy", device="cpu")
    plan = bind_metapaths(
        replace(plan, dataset=dataset.name, config=cls.Config(), train=train), dataset
    )
    task: Task = make_task(
        dataset, seeds=plan.seeds, options=config_to_dict(plan.task), family=plan.family
    ).without_test()
    engine = Engine(plan.train)
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        method: Method = cls.for_task(task, plan.config)
    trainer = Trainer(plan.train, seeds=plan.seeds, engine=engine, progress=False)
    result = trainer.fit(method, task, splits=("valid",))
    method.eval()
    with torch.no_grad():
        rows = method.relevance(method.prepare(task, seeds=plan.seeds))
    return rows, task.monitor_value(result.metrics["valid"], "accuracy")


def _table(cause: Cause, findings: Sequence[Finding]) -> Table:
    graphs = len(findings[0].ranks)
    shown = Table(title=f"planted {cause}: rank among 4 on {graphs} graphs", title_justify="left")
    shown.add_column("method")
    for name in ("mean rank", "first", "accuracy"):
        shown.add_column(name, justify="right")
    shown.add_column("its weights")
    for item in findings:
        shown.add_row(
            item.model,
            f"{statistics.mean(item.ranks):.1f}",
            f"{item.first} of {graphs}",
            f"{item.accuracy:.2f}",
            item.verdict,
        )
    return shown
