"""Several methods on one task, each with a search of the same budget."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from hetgraph.catalog.fetch import using_root
from hetgraph.errors import ConfigError
from hetgraph.files import atomic_path
from hetgraph.heartbeat import told
from hetgraph.io.given import Given, SplitRequest, TargetRequest
from hetgraph.registry import models as registered
from hetgraph.runs.tuning.budget import Budget
from hetgraph.runs.tuning.question import Asked, Question, ask_question
from hetgraph.runs.tuning.result import Tuning
from hetgraph.runs.tuning.search import run_search
from hetgraph.runs.tuning.study import require_optuna
from hetgraph.settings import field_names, merge
from hetgraph.train.interrupt import term_as_interrupt
from hetgraph.train.made_from import task_sha256

__all__ = ["COMPARISON", "Comparison", "compare"]

COMPARISON = "comparison.csv"


@dataclass(frozen=True)
class Comparison:
    """Searches of several methods on one task.

    Args:
        dataset: Name of the data set.
        monitor: What trials and methods are compared by.
        tunings: The searches, the best value first.
        out: Folder with a folder for each method; ``None`` if nothing was written.
    """

    dataset: str
    monitor: str
    tunings: tuple[Tuning, ...]
    out: Path | None = None

    def to_table(self) -> pa.Table:
        """Returns a row for each method: its best trial on the validation split, and its cost."""
        metrics = dict.fromkeys(name for tuning in self.tunings for name in tuning.best.metrics)
        rows = [
            {
                "method": tuning.model,
                "trials": len(tuning.trials),
                "complete": sum(trial.outcome == "complete" for trial in tuning.trials),
                "pruned": sum(trial.outcome == "pruned" for trial in tuning.trials),
                "seconds": round(tuning.seconds, 1),
                **{f"valid.{name}": tuning.best.metrics.get(name) for name in metrics},
            }
            for tuning in self.tunings
        ]
        return pa.Table.from_pylist(rows)


def compare(
    models: Sequence[str],
    data: Given | str,
    *,
    target: TargetRequest = None,
    split: SplitRequest = None,
    task: str = "",
    trials: int | None = None,
    time: str | float | None = None,
    settings: Mapping[str, Any] | None = None,
    metapaths: Sequence[str] = (),
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Comparison:
    """Searches settings of several methods with the same budget, and compares the best ones.

    All are trained and validated on the same targets and compared by the same monitor: by
    ``train.monitor`` in ``settings``, else by that of the first method. The test split is never
    read.

    Args:
        models: Names of at least two models.
        data: A graph, a data set, or a name, as for :func:`hetgraph.fit`.
        target: What is to be predicted; ``None``: what the data have.
        split: Training, validation and test; ``None``: those of the data.
        task: Family of tasks; empty: the target's own.
        trials: Number of trials of each method, see :func:`~hetgraph.runs.tuning.tune`.
        time: Time of the trials of each method.
        settings: Values by section that all trials of all methods share.
        metapaths: Meta-paths for those methods that take some.
        seed: Seed of the trainings and of the draws.
        out: Folder with a folder for each method; searches in it go on.
        root: Folder of the data sets.
        progress: Whether to tell about each trial on stderr.

    Raises:
        UserError: As :func:`~hetgraph.runs.tuning.tune` does, or if two methods would be asked
            different questions.

    Example:
        >>> import hetgraph
        >>> import optuna  # which tuning needs
        >>> comparison = compare(
        ...     ["mlp", "rgcn"],
        ...     hetgraph.load_dataset("synthetic/academic", num_nodes=200),
        ...     trials=1,
        ...     settings={"train": {"max_epochs": 2, "device": "cpu"}},
        ...     progress=False,
        ... )
        >>> sorted(tuning.model for tuning in comparison.tunings)
        ['mlp', 'rgcn']
    """
    require_optuna()
    budget = Budget.of(trials, time)
    names = list(dict.fromkeys(models))
    if len(names) < 2:
        raise ConfigError(f"a comparison needs two models, but {', '.join(names) or 'none'} given.")
    folder = Path(out) if out is not None else None

    shared = Asked(
        data,
        target=target,
        split=split,
        task=task,
        settings=settings or {},
        metapaths=metapaths,
        seed=seed,
        root=root,
    )
    with term_as_interrupt(), using_root(root):
        # All are asked before the first is trained: what is wrong is told before the work.
        with told("loading the data", wanted=progress):
            questions = {name: ask_question(name, _fitting(shared, name)) for name in names}
        shared = replace(shared, settings=_with_monitor(shared.settings, questions))
        tunings = []
        for name in names:
            question = ask_question(name, _fitting(shared, name))
            place = folder / name if folder is not None else None
            tunings.append(run_search(question, budget, place, progress=progress))
    # Sorting keeps the order of equal values.
    tunings.sort(key=lambda tuning: -tuning.value)
    made = Comparison(tunings[0].dataset, tunings[0].monitor, tuple(tunings), folder)
    if folder is not None:
        with atomic_path(folder / COMPARISON) as path:
            pa_csv.write_csv(made.to_table(), path)
    return made


def _fitting(asked: Asked, model: str) -> Asked:
    """Returns what is asked of a model: without meta-paths if it takes none."""
    takes = "metapaths" in field_names(registered.get(model).Config)
    return asked if takes else replace(asked, metapaths=())


def _with_monitor(given: Mapping[str, Any], questions: Mapping[str, Question]) -> dict[str, Any]:
    """Returns the settings with the monitor of the comparison.

    Raises:
        ConfigError: If the methods would be asked different questions.
    """
    families = {name: question.base.family for name, question in questions.items()}
    if len(set(families.values())) > 1:
        listed = ", ".join(f"{name}: {family}" for name, family in families.items())
        raise ConfigError(f"the methods are for different tasks ({listed}); compare others.")
    digests = {name: task_sha256(question.task) for name, question in questions.items()}
    first = next(iter(digests))
    if others := [name for name, digest in digests.items() if digest != digests[first]]:
        raise ConfigError(
            f"{', '.join(others)} would be validated on other targets than {first}: their "
            "experiment files differ in the sections task, data or seeds; give the values that "
            "all shall have, such as --set task.NAME=VALUE."
        )
    return merge(given, {"train": {"monitor": questions[first].base.train.monitor}})
