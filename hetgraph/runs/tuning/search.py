"""One search: trial after trial until the budget is spent, each kept as soon as it is over."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from hetgraph.catalog.fetch import using_root
from hetgraph.errors import UserError
from hetgraph.files import OutputError
from hetgraph.heartbeat import told
from hetgraph.io.given import Given, SplitRequest, TargetRequest
from hetgraph.runs.functions import Functions, LossFunction, MetricFunction
from hetgraph.runs.tuning.budget import Budget
from hetgraph.runs.tuning.files import write_files
from hetgraph.runs.tuning.question import Asked, Question, ask_question
from hetgraph.runs.tuning.result import Outcome, Trial, Tuning, best_trial
from hetgraph.runs.tuning.study import Study, opened, require_optuna
from hetgraph.runs.tuning.told import Teller
from hetgraph.runs.tuning.watch import Pruned, Watch
from hetgraph.train import rng
from hetgraph.train.engine import Engine
from hetgraph.train.interrupt import term_as_interrupt
from hetgraph.train.result import FitResult
from hetgraph.train.sums import DivergenceError
from hetgraph.train.trainer import Trainer

__all__ = ["run_search", "tune"]

_TOLERATED = 3
"""Failed trials, before any other, after which the search itself is wrong."""


def tune(
    model: str,
    data: Given | str,
    *,
    target: TargetRequest = None,
    split: SplitRequest = None,
    task: str = "",
    trials: int | None = None,
    time: str | float | None = None,
    settings: Mapping[str, Any] | None = None,
    space: Mapping[str, Any] | None = None,
    metapaths: Sequence[str] = (),
    loss: LossFunction | None = None,
    metrics: Mapping[str, MetricFunction] | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Tuning:
    """Searches settings by their score on the validation split; the test split is never read.

    The first trial has the settings of a training without a search. Later ones are drawn by a
    tree-structured Parzen estimator (Bergstra et al., Algorithms for Hyper-Parameter Optimization,
    NeurIPS 2011). A trial whose best value is below the median of the earlier ones at the same
    epoch is pruned, from the sixth trial and a fifth of ``train.max_epochs`` on.

    Args:
        model: Name of the model.
        data: A graph, a data set, or ``"collection/name"`` or ``"format:path"``, as for
            :func:`hetgraph.fit`.
        target: What is to be predicted, as for :func:`hetgraph.fit`; ``None``: what the data have.
        split: Training, validation and test; ``None``: those of the data.
        task: Family of tasks; empty: the target's own.
        trials: Number of trials, counting those that ``out`` holds; default 20, or no limit if
            ``time`` is given.
        time: Time of all trials together, such as ``"30m"``; the running trial is finished.
        settings: Values by section that all trials share. The default space leaves them out.
        space: What to search, default the model's ``search_space``: names of settings of the model
            (or ``"train.lr"``) with a list of choices or ``{"low", "high"}``, plus
            ``"log": True`` for a logarithmic scale.
        metapaths: Meta-paths for a model that takes some: names, texts or YAML files.
        loss: ``loss(logits, target)`` in place of the task's.
        metrics: Further metrics by name; ``train.monitor`` may be one of them.
        seed: Seed of the trainings and of the draws.
        out: Folder that keeps the trials; a search in it goes on. ``None`` writes nothing.
        root: Folder of the data sets.
        progress: Whether to tell about each trial on stderr.

    Returns:
        The best settings and all trials.

    Raises:
        UserError: If optuna is not installed, a name or value is wrong, or ``out`` holds a search
            that asks something else.
        DivergenceError: If the loss of every trial diverged.
        KeyboardInterrupt: After Ctrl-C or TERM; all trials that were over are kept.

    Example:
        >>> import hetgraph
        >>> import optuna  # which tuning needs
        >>> tuning = hetgraph.tune(
        ...     "mlp",
        ...     hetgraph.load_dataset("synthetic/academic", num_nodes=200),
        ...     trials=2,
        ...     settings={"train": {"max_epochs": 2, "device": "cpu"}},
        ...     space={"hidden_dim": [8, 64], "train.lr": {"low": 1e-3, "high": 0.1, "log": True}},
        ...     progress=False,
        ... )
        >>> len(tuning.trials), sorted(tuning.settings)
        (2, ['model', 'train'])
    """
    require_optuna()
    budget = Budget.of(trials, time)
    asked = Asked(
        data,
        target=target,
        split=split,
        task=task,
        settings=settings or {},
        metapaths=metapaths,
        functions=Functions(loss, dict(metrics or {})),
        seed=seed,
        root=root,
    )
    with term_as_interrupt(), using_root(root):
        with told("loading the data", wanted=progress):
            question = ask_question(model, asked, space=space)
        folder = Path(out) if out is not None else None
        return run_search(question, budget, folder, progress=progress)


def run_search(
    question: Question, budget: Budget, folder: Path | None, *, progress: bool
) -> Tuning:
    """Runs trials until the budget is spent.

    Args:
        question: What is searched.
        budget: When to stop.
        folder: Where the trials are kept; ``None`` keeps nothing.
        progress: Whether to tell about each trial on stderr.
    """
    base = question.base
    # A warm-up that depends on the budget would prune other trials when a search goes on.
    with opened(
        folder,
        question.space,
        seed=base.seeds.key("sampling", "tuning"),
        about=question.about,
        warmup=max(10, base.train.max_epochs // 5),
    ) as study:
        search = _Search(question, study, folder, Teller(progress, budget, question.task))
        search.run(budget)
        return search.tuning()


@dataclass
class _Search:
    question: Question
    study: Study
    folder: Path | None
    teller: Teller

    def run(self, budget: Budget) -> None:
        """Runs trials and keeps each; one that is stopped is dropped."""
        trials = self.study.trials()
        self.teller.begin(self.question, trials, self.folder)
        try:
            while not budget.is_spent(len(trials), sum(trial.seconds for trial in trials)):
                self._next(len(trials) + 1)
                trials = self.study.trials()
                self.teller.result(trials)
                self._check(trials)
                self._write(trials)
        except KeyboardInterrupt:
            self.teller.stopped(self.study.trials(), self.folder)
            raise

    def _next(self, number: int) -> None:
        """Runs one trial."""
        question = self.question
        start = question.start if question.space.contains(question.start) else None
        self.teller.trial(number)
        drawn = self.study.ask(start)
        try:
            self.study.tell(drawn, self._trial(drawn))
        except BaseException:
            self.study.drop(drawn)
            raise

    def tuning(self) -> Tuning:
        """Returns the outcome.

        Raises:
            DivergenceError: If no trial is complete.
        """
        trials = self.study.trials()
        best = best_trial(trials)
        if best is None or best.value is None:
            notes = "; ".join(dict.fromkeys(trial.note for trial in trials if trial.note))
            if all(trial.outcome == "diverged" for trial in trials):
                raise DivergenceError(
                    "the loss of every trial diverged; search smaller learning rates."
                )
            raise UserError(f"no trial is complete: {notes}")
        question = self.question
        monitor = question.base.train.monitor
        return Tuning(
            model=question.base.model.name,
            dataset=question.base.dataset,
            settings=question.settings(best.values),
            monitor=monitor,
            value=best.value,
            trials=trials,
            start=json.loads(json.dumps(question.start)),
            importance=self.study.importance(),
            out=self.folder,
            is_error=monitor in question.task.errors,
        )

    def _trial(self, drawn: Any) -> dict[str, Any]:
        """Trains once and returns the fields of a :class:`Trial` without its number."""
        values = self.question.space.suggest(drawn)
        watch = Watch(drawn, self.question.task, self.question.base.train, self.teller)
        begin = perf_counter()
        outcome: Outcome = "complete"
        fit, note = None, ""
        self.teller.values(values)
        try:
            with self.teller.running():
                fit = self._train(values, watch)
        except Pruned:
            outcome, note = "pruned", "below the median at this epoch"
        except DivergenceError as error:
            outcome, note = "diverged", _line(error)
        except OutputError:
            raise  # A full disk has nothing to do with the values.
        except UserError as error:
            outcome, note = "failed", _line(error)
        except (MemoryError, torch.OutOfMemoryError):
            outcome, note = "failed", "out of memory"
        metrics = {} if fit is None else dict(fit.metrics["valid"])
        value = watch.best
        if fit is not None:
            value = self.question.task.monitor_value(metrics, self.question.base.train.monitor)
        return {
            "outcome": outcome,
            "values": values,
            "value": value,
            "metrics": metrics,
            "epochs": watch.epochs if fit is None else fit.epochs,
            "seconds": perf_counter() - begin,
            "note": note,
        }

    def _train(self, values: Mapping[str, Any], watch: Watch) -> FitResult:
        plan = self.question.plan(values)
        engine = Engine(plan.train)
        with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
            method = plan.model.for_task(self.question.task, plan.config)
        trainer = Trainer(
            plan.train, seeds=plan.seeds, engine=engine, progress=False, callbacks=[watch]
        )
        return trainer.fit(method, self.question.task, splits=("valid",))

    def _check(self, trials: Sequence[Trial]) -> None:
        """Raises the reason if trials fail from the start."""
        if len(trials) >= _TOLERATED and all(trial.outcome == "failed" for trial in trials):
            raise UserError(f"the first {len(trials)} trials failed: {trials[-1].note}")

    def _write(self, trials: Sequence[Trial]) -> None:
        if self.folder is not None and best_trial(trials) is not None:
            by_name = self.question.given is None
            seed = self.question.base.seed
            write_files(self.folder, self.tuning(), seed=seed, by_name=by_name)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
