"""One run, from names to a record: load, make the task, audit, prepare, train, score, write."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.fetch import using_root
from hetgraph.catalog.loading import load_dataset
from hetgraph.methods import Method
from hetgraph.registry import models
from hetgraph.runs.environment import describe_environment
from hetgraph.runs.experiment import user_settings
from hetgraph.runs.functions import Functions, LossFunction, MetricFunction
from hetgraph.runs.outdir import (
    CHECKPOINT,
    CONFIG,
    MODEL,
    PREDICTIONS,
    RESULT,
    WORK,
    abandon,
    check_settings,
    claim,
    write_settings,
)
from hetgraph.runs.plan import Plan, bind_metapaths, make_plan
from hetgraph.runs.record import Record
from hetgraph.runs.told import told_lines
from hetgraph.settings import config_to_dict
from hetgraph.tasks import Predictions, Task, audit, make_task
from hetgraph.tasks.base import SPLITS
from hetgraph.tensorfile import save_tensors
from hetgraph.train import Callback, rng
from hetgraph.train.engine import Engine, launched_rank
from hetgraph.train.interrupt import term_as_interrupt
from hetgraph.train.memory import PeakMemory
from hetgraph.train.result import FitResult
from hetgraph.train.timing import Clock
from hetgraph.train.trainer import Trainer

__all__ = ["DEFAULT_DATASET", "Record", "run", "settings_from"]

DEFAULT_DATASET = "synthetic/academic"


def settings_from(
    model: str,
    config: Path | None = None,
    assignments: Sequence[str] = (),
    dataset: str = "",
) -> dict[str, Any]:
    """Returns the settings of a ``--config`` file with ``--set`` words laid over them.

    Args:
        model: Name of the model.
        config: YAML file with the sections ``model``, ``train``, ``task``, ``seeds``, ``data``.
        assignments: ``["train.lr=0.01", "dropout=0.5"]``.
        dataset: Name of the data set, if it is known; it tells which options the task has.

    Raises:
        ConfigError: If a name or a value is wrong.

    Example:
        >>> settings_from("rgcn", assignments=["train.lr=0.01", "dropout=0.5"])
        {'train': {'lr': '0.01'}, 'model': {'dropout': '0.5'}}
    """
    return user_settings(models.get(model), config, assignments, dataset)


def run(
    model: str,
    dataset: str = DEFAULT_DATASET,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    metapaths: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    loss: LossFunction | None = None,
    metrics: Mapping[str, MetricFunction] | None = None,
) -> Record:
    """Trains a model on a data set and writes the outcome to a folder.

    The folder gets ``config.yaml`` at once, ``metrics.jsonl`` (and ``tensorboard/``) while it
    trains, then ``predictions.safetensors``, ``model/`` and, last, ``result.json``.

    Args:
        model: Name of the model.
        dataset: ``"collection/name"`` or ``"format:path"``.
        seed: Seed of all four sources of chance; ``settings["seeds"]`` sets single ones.
        settings: Values by section and name; they win over the experiment file of the pair, which
            wins over the defaults of the classes. The key ``functions``, as :func:`settings_from`
            reads it from the ``config.yaml`` of a run, demands the same functions.
        metapaths: Meta-paths for a model that takes some: names, texts or YAML files.
        root: Folder of the data sets.
        out: Folder of the run, new or empty; ``None`` takes a new one below ``runs``.
        resume: Whether to continue the run in ``out``. A finished one is returned as it is.
        progress: Whether to show progress on stderr.
        callbacks: Functions that are called with a :class:`~hetgraph.train.Epoch` after each
            epoch; one may raise :class:`~hetgraph.train.StopTraining`.
        loss: ``loss(logits, target)`` in place of the task's, a scalar mean over the samples.
        metrics: Further metrics ``metric(predictions, target)`` by name. The record holds the
            names of all functions; a run with functions can only be repeated from Python.

    Returns:
        The record of the run.

    Raises:
        UserError: If a name, a value, a file or the folder is wrong, before training starts.

    Example:
        >>> import tempfile
        >>> settings = {"data": {"num_nodes": 200}, "train": {"max_epochs": 2, "device": "cpu"}}
        >>> seen = []
        >>> record = run(
        ...     "mlp",
        ...     settings=settings,
        ...     out=tempfile.mkdtemp(),
        ...     progress=False,
        ...     callbacks=[lambda epoch: seen.append(epoch.epoch)],
        ... )
        >>> seen, record.epochs, sorted(record.metrics)
        ([1, 2], 2, ['test', 'train', 'valid'])
    """
    functions = Functions(loss, dict(metrics or {}), tuple(callbacks))
    chosen = dict(settings or {})
    functions.check(chosen.pop("functions", None) or functions.names)
    plan = make_plan(models.get(model), dataset, seed=seed, settings=chosen, metapaths=metapaths)
    with term_as_interrupt():
        return _run(
            plan,
            functions,
            root=root,
            out=Path(out) if out is not None else None,
            resume=resume,
            progress=progress,
        )


def _run(
    plan: Plan,
    functions: Functions,
    *,
    root: str | os.PathLike[str] | None,
    out: Path | None,
    resume: bool,
    progress: bool,
) -> Record:
    folder = out
    main = launched_rank() == 0  # Told before the processes of a distributed run are started.
    if main:
        name = f"{plan.model.name}-{plan.dataset}-seed{plan.seed}"
        folder = claim(folder, name, resume=resume)
        _open(folder, plan, functions, resume=resume)
    if resume and folder is not None and (folder / RESULT).is_file():
        return Record.load(folder / RESULT)
    try:
        engine = Engine(plan.train)
        folder = Path(engine.from_main(str(folder)))
        clock = Clock(engine.device)
        with using_root(root), PeakMemory(engine.device) as memory:
            with clock.phase("load"):
                data, task, notes = _load(plan, root)
            task = functions.apply(task)
            plan = bind_metapaths(plan, data)
            if progress and engine.is_main:
                _tell(plan, data, task, notes)
            made = _build(plan, task, engine)
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
            **_extra(result, task, functions, engine, memory),
            **({"notes": notes} if notes else {}),
        },
        out=folder,
    )
    if engine.is_main:
        _write(folder, record, task, result)
    return record


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
        f"--config {folder / CONFIG}"
    )
    if resume:
        check_settings(folder, settings)
    else:
        write_settings(folder, settings, command)


def _load(plan: Plan, root: str | os.PathLike[str] | None) -> tuple[Dataset, Task, tuple[str, ...]]:
    """Returns data set, task and what the audit notes, which is no mistake."""
    data = load_dataset(plan.dataset, root, **plan.data)
    task = make_task(
        data,
        seeds=plan.seeds,
        options=config_to_dict(plan.task),
        family=plan.family,
    )
    return data, task, audit(task).notes


def _tell(plan: Plan, data: Dataset, task: Task, notes: Sequence[str]) -> None:
    """Tells on stderr what is asked, of whom, and what of the graph the method does not read."""
    console = Console(stderr=True)
    for line in (*told_lines(plan, data, task), *(f"note: {note}" for note in notes)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _build(plan: Plan, task: Task, engine: Engine) -> Method:
    """Makes the model; its initial weights depend on ``seeds.init`` alone."""
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        method = plan.model.for_task(task, plan.config)
    method.column_encoders = task.graph.encoders
    return method


def _extra(
    result: FitResult, task: Task, functions: Functions, engine: Engine, memory: PeakMemory
) -> dict[str, Any]:
    facts: dict[str, Any] = {"best_epoch": result.best_epoch, "protocol": dict(task.protocol)}
    if result.refit_epochs is not None:
        facts["protocol"]["refit"] = True
        facts["refit"] = {"epochs": result.refit_epochs, "valid": result.metrics.get("valid", {})}
    test = result.predictions.get("test")
    if test is not None and "test" not in result.not_scored:
        facts |= _per_relation(task, test)
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


def _write(folder: Path, record: Record, task: Task, result: FitResult) -> None:
    """Writes predictions and, as the sign that all is there, the record."""
    _write_predictions(folder / PREDICTIONS, result, task)
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
