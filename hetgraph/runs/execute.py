"""One run of a plan: load, make the task, audit, prepare, train, score, write."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor

from hetgraph.catalog.attach import add_features
from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.fetch import using_root
from hetgraph.catalog.loading import COMPUTED, load_dataset
from hetgraph.catalog.parsed_cache import write_dataset
from hetgraph.errors import ConfigError, suggest
from hetgraph.heartbeat import told
from hetgraph.methods import Method
from hetgraph.nn.node_tables import node_tables
from hetgraph.runs.environment import describe_environment
from hetgraph.runs.fitted import Fitted, load
from hetgraph.runs.functions import Functions
from hetgraph.runs.outdir import (
    CHECKPOINT,
    CONFIG,
    DATA,
    MODEL,
    PREDICTIONS,
    RESULT,
    WORK,
    abandon,
    check_settings,
    claim,
    write_settings,
)
from hetgraph.runs.packages import check_packages
from hetgraph.runs.panel import show_start
from hetgraph.runs.plan import Plan, bind_metapaths
from hetgraph.runs.record import Record
from hetgraph.runs.reopen import OpenRun
from hetgraph.runs.told import run_title, told_rows
from hetgraph.settings import config_to_dict
from hetgraph.tasks import Calibration, Origin, Predictions, Task, audit, make_task
from hetgraph.tasks.base import SPLITS
from hetgraph.tensorfile import save_tensors
from hetgraph.train import rng
from hetgraph.train.engine import Engine, launched_rank
from hetgraph.train.interrupt import term_as_interrupt
from hetgraph.train.memory import PeakMemory
from hetgraph.train.result import FitResult
from hetgraph.train.timing import Clock
from hetgraph.train.trainer import Trainer

__all__ = ["execute", "load_task"]


def execute(
    plan: Plan,
    functions: Functions,
    *,
    given: Dataset | None = None,
    root: str | os.PathLike[str] | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Fitted:
    """Carries out a plan and writes its outcome to a folder.

    Args:
        plan: What to do.
        functions: What comes from Python beside names and settings.
        given: The data set, where no name leads to it.
        root: Folder of the data sets.
        out: Folder of the run, new or empty; ``None`` takes a new one below ``runs``.
        resume: Whether to continue the run in ``out``. A finished one is returned as it is.
        progress: Whether to show progress on stderr.
    """
    check_packages(plan)
    with term_as_interrupt():
        return _execute(plan, functions, given, root, out, resume=resume, progress=progress)


def _execute(
    plan: Plan,
    functions: Functions,
    given: Dataset | None,
    root: str | os.PathLike[str] | None,
    folder: Path | None,
    *,
    resume: bool,
    progress: bool,
) -> Fitted:
    main = launched_rank() == 0  # Told before the processes of a distributed run are started.
    if main:
        name = f"{plan.model.name}-{plan.dataset}-seed{plan.seed}"
        folder = claim(folder, name, resume=resume)
        _open(folder, plan, functions, resume=resume)
    if resume and folder is not None and (folder / RESULT).is_file():
        return load(folder, root)
    try:
        engine = Engine(plan.train)
        folder = Path(engine.from_main(str(folder)))
        clock = Clock(engine.device)
        with using_root(root), PeakMemory(engine.device) as memory:
            waiting = told(f"loading {plan.dataset}", wanted=progress and engine.is_main)
            with clock.phase("load"), waiting:
                data, task, notes = load_task(plan, given, root)
            task = functions.apply(task)
            plan = bind_metapaths(plan, data)
            made = _build(plan, task, engine)
            if progress and engine.is_main:
                rows = told_rows(plan, data, task, made, engine.device, notes)
                show_start(Console(stderr=True), run_title(plan), rows)
            trainer = Trainer(
                plan.train,
                seeds=plan.seeds,
                out=folder,
                progress=progress,
                engine=engine,
                workdir=folder / WORK,
                callbacks=functions.callbacks,
            )
            result = trainer.fit(made, task, resume=resume, names=_names(plan, functions))
            learned = task.refit_view() if plan.train.refit else task
            calibration = _calibration(task, result)
            temperature = 1.0 if calibration is None else calibration.temperature
            made.origin = Origin.of(learned, chain(*node_tables(made).values()), temperature)
            if engine.is_main:  # Before anything is scored by relation or written that may fail.
                made.save(folder / MODEL)
    except BaseException:
        if folder is not None and main and not resume:
            abandon(folder)
        raise
    record = Record(
        model=plan.model.name,
        dataset=plan.dataset,
        config=plan.settings,
        seed=plan.seed,
        data_sha256=data.sha256,
        environment=describe_environment(engine.device),
        metrics=result.metrics,
        seconds={**clock.seconds, **result.seconds},
        peak_memory_bytes=memory.resident_bytes,
        parameters=made.num_parameters(),
        epochs=result.epochs,
        extra={
            **_extra(result, task, calibration, functions, engine, memory),
            **({"notes": notes} if notes else {}),
        },
        out=folder,
    )
    if engine.is_main:
        _write(folder, record, task, result, given)
    run = OpenRun(folder, record, made.eval(), data, learned, plan.seeds, given is not None)
    return Fitted(record, run.model, run, folder=folder, root=root)


def _names(plan: Plan, functions: Functions) -> dict[str, Any]:
    """Returns what the trainer does not know and a run to resume must agree in."""
    names: dict[str, Any] = {"model": plan.model.name, "dataset": plan.dataset}
    return {**names, "functions": functions.names} if functions.names else names


def _open(folder: Path, plan: Plan, functions: Functions, *, resume: bool) -> None:
    """Writes the settings of a new run, or compares those of one to resume."""
    sections = {**plan.settings, "seeds": plan.own_seeds, "functions": functions.names}
    settings = {
        "method": plan.model.name,
        "dataset": plan.dataset,
        "seed": plan.seed,
        **{name: values for name, values in sections.items() if values},
    }
    command = (
        f"hetgraph train {plan.model.name} {plan.dataset} --seed {plan.seed} "
        f"--config {folder / CONFIG}{'' if plan.experiment else ' --no-experiment'}"
    )
    if resume:
        check_settings(folder, settings)
    else:
        write_settings(folder, settings, command)


def load_task(
    plan: Plan, given: Dataset | None, root: str | os.PathLike[str] | None
) -> tuple[Dataset, Task, tuple[str, ...]]:
    """Returns data set, task and what the audit notes, which is no mistake."""
    if given is None:
        data = load_dataset(plan.dataset, root, **plan.data)
    else:
        data = _with_options(given, plan.data)
    task = make_task(
        data,
        seeds=plan.seeds,
        options=config_to_dict(plan.task),
        family=plan.family,
    )
    return data, task, audit(task).notes


def _with_options(given: Dataset, options: Mapping[str, Any]) -> Dataset:
    """Adds the computed features that the settings ask for to data that were given in Python."""
    for name in options:
        if name not in COMPUTED:
            hint = suggest(name, COMPUTED)
            raise ConfigError(f"data that are given in Python have no option {name!r}.{hint}")
    asked = {name: value for name, value in options.items() if value is not None}
    return add_features(given, **asked) if asked else given


def _build(plan: Plan, task: Task, engine: Engine) -> Method:
    """Makes the model; its initial weights depend on ``seeds.init`` alone."""
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        return plan.model.for_task(task, plan.config)


def _extra(
    result: FitResult,
    task: Task,
    calibration: Calibration | None,
    functions: Functions,
    engine: Engine,
    memory: PeakMemory,
) -> dict[str, Any]:
    facts: dict[str, Any] = {"best_epoch": result.best_epoch, "protocol": dict(task.protocol)}
    if result.refit_epochs is not None:
        facts["protocol"]["refit"] = True
        facts["refit"] = {"epochs": result.refit_epochs, "valid": result.metrics.get("valid", {})}
    test = result.predictions.get("test")
    if test is not None and "test" not in result.not_scored:
        facts |= _per_relation(task, test)
    if calibration is not None:
        facts["calibration"] = calibration.to_dict()
    if result.not_scored:
        facts["not_scored"] = result.not_scored
    if functions.names:
        facts["functions"] = functions.names
    if engine.world > 1:
        facts["processes"] = engine.world
    if memory.cuda_bytes:
        facts["cuda_peak_memory_bytes"] = memory.cuda_bytes
    return facts


def _per_relation(task: Task, test: Predictions) -> dict[str, Any]:
    by_relation = task.per_relation(test, "test")
    return {"per_relation": by_relation} if by_relation else {}


def _calibration(task: Task, result: FitResult) -> Calibration | None:
    scored = {s: x for s, x in result.predictions.items() if s not in result.not_scored}
    return task.calibration(scored)


def _write(
    folder: Path, record: Record, task: Task, result: FitResult, given: Dataset | None
) -> None:
    """Writes predictions and, as the sign that all is there, the record."""
    _write_predictions(folder / PREDICTIONS, result, task)
    if given is not None:  # No name leads to it: `hetgraph predict` and `explain` read it here.
        write_dataset(given, folder / DATA)
    record.save(folder / RESULT)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    shutil.rmtree(folder / WORK, ignore_errors=True)


def _write_predictions(path: Path, result: FitResult, task: Task) -> None:
    """Writes the predictions of each split, in the order of ``<split>.index``."""
    tensors: dict[str, Tensor] = {
        split: task.to_tensor(result.predictions[split], split)
        for split in SPLITS
        if split in result.predictions
    }
    tensors |= {f"{split}.index": task.index(split) for split in SPLITS}
    save_tensors(tensors, path)
