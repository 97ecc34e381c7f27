"""Tuning on the validation split; the optional package ``optuna`` chooses the trials."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hetgraph.catalog.loading import load_dataset
from hetgraph.errors import ConfigError
from hetgraph.registry import models
from hetgraph.runs.plan import Plan, bind_metapaths, make_plan
from hetgraph.settings import config_to_dict, merge
from hetgraph.tasks import Task, make_task
from hetgraph.train import rng
from hetgraph.train.engine import Engine
from hetgraph.train.sums import DivergenceError
from hetgraph.train.trainer import Trainer

__all__ = ["Tuning", "tune"]


@dataclass(frozen=True)
class Tuning:
    """Outcome of a search.

    Args:
        settings: The best settings by section, ready for ``hetgraph.run(..., settings=...)``.
        value: Their value of the monitor, which is to be maximised (the loss is negated).
        trials: ``(settings, value)`` of every trial; the value of a diverged one is ``None``.
    """

    settings: Mapping[str, Any]
    value: float
    trials: tuple[tuple[Mapping[str, Any], float | None], ...]


def tune(
    model: str,
    dataset: str,
    *,
    trials: int = 20,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    space: Mapping[str, Any] | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Tuning:
    """Searches settings by their validation score; the test split cannot be reached from here.

    Args:
        model: Name of the model.
        dataset: Name of the data set.
        trials: Number of trainings.
        seed: Seed of the trainings and of the search.
        settings: Values by section that all trials share.
        space: What to search, default the model's ``search_space``: names of model settings (or
            ``"train.lr"``) with a list of choices or ``{"low", "high"}``, plus ``"log": True``
            for a logarithmic scale.
        root: Folder of the data sets.

    Raises:
        ConfigError: If optuna is not installed, the space is empty or a name in it is unknown.
    """
    try:
        optuna: Any = importlib.import_module("optuna")
    except ImportError as error:
        raise ConfigError("tuning needs optuna; install it with `pip install optuna`.") from error
    cls = models.get(model)
    space = dict(space if space is not None else cls.search_space)
    if not space:
        raise ConfigError(f"the model {model!r} declares no search space; give one.")
    base = make_plan(cls, dataset, seed=seed, settings=settings)
    data = load_dataset(dataset, root, **base.data)
    outcomes: list[tuple[Mapping[str, Any], float | None]] = []

    def objective(trial: Any) -> float:
        chosen: dict[str, Any] = {}
        for name, options in space.items():
            section, _, key = name.rpartition(".")
            chosen = merge(chosen, {section or "model": {key: _suggest(trial, name, options)}})
        merged = merge(settings or {}, chosen)
        plan = bind_metapaths(make_plan(cls, dataset, seed=seed, settings=merged), data)
        task = make_task(
            data,
            seeds=plan.seeds,
            options=config_to_dict(plan.task),
            family=plan.family,
        )
        try:
            value = _validation_value(plan, task.without_test())
        except DivergenceError as error:
            outcomes.append((merged, None))
            raise optuna.TrialPruned(str(error)) from error
        outcomes.append((merged, value))
        return value

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=base.seeds.key("sampling", "tuning") % 2**32)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=trials)
    finished = [(value, number) for number, (_, value) in enumerate(outcomes) if value is not None]
    if not finished:
        raise DivergenceError("the loss of every trial diverged; search smaller learning rates.")
    value, number = max(finished, key=lambda pair: (pair[0], -pair[1]))
    return Tuning(outcomes[number][0], value, tuple(outcomes))


def _validation_value(plan: Plan, task: Task) -> float:
    engine = Engine(plan.train)
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        model = plan.model.for_task(task, plan.config)
    trainer = Trainer(plan.train, seeds=plan.seeds, engine=engine, progress=False)
    result = trainer.fit(model, task, splits=("valid",))
    return task.monitor_value(result.metrics["valid"], plan.train.monitor)


def _suggest(trial: Any, name: str, options: Any) -> Any:
    """Draws one value; ranges between whole numbers stay whole."""
    if isinstance(options, (list, tuple)):
        return trial.suggest_categorical(name, list(options))
    if not isinstance(options, Mapping) or not {"low", "high"} <= options.keys():
        raise ConfigError(
            f"the search space of {name!r} is {options!r}, expected a list or low and high."
        )
    low, high, log = options["low"], options["high"], bool(options.get("log", False))
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=log)
    return trial.suggest_float(name, low, high, log=log)
