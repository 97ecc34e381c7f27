"""One run, from names to a record: load, make the task, audit, prepare, train, score, write."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.fetch import using_root
from hetgraph.catalog.loading import load_dataset
from hetgraph.methods import Method
from hetgraph.registry import models
from hetgraph.runs.environment import describe_environment
from hetgraph.runs.experiment import user_settings
from hetgraph.runs.outdir import (
    CHECKPOINT,
    CONFIG,
    RESULT,
    WORK,
    abandon,
    check_settings,
    claim,
    write_settings,
)
from hetgraph.runs.plan import Plan, bind_metapaths, make_plan
from hetgraph.runs.record import Record
from hetgraph.settings import config_to_dict
from hetgraph.tasks import Task, audit, make_task
from hetgraph.tasks.base import run_family
from hetgraph.tensorfile import save_tensors
from hetgraph.train import rng
from hetgraph.train.engine import Engine, launched_rank
from hetgraph.train.fingerprint import dataset_sha256
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
) -> Record:
    """Trains a model on a data set and writes the outcome to a folder.

    The folder gets ``config.yaml`` at once, ``metrics.jsonl`` (and ``tensorboard/``) while it
    trains, then ``predictions.safetensors``, ``model/`` and, last, ``result.json``.

    Args:
        model: Name of the model.
        dataset: ``"collection/name"`` or ``"format:path"``.
        seed: Seed of all four sources of chance; ``settings["seeds"]`` sets single ones.
        settings: Values by section and name; they win over the experiment file of the pair, which
            wins over the defaults of the classes.
        metapaths: Meta-paths for a model that takes some: names, texts or YAML files.
        root: Folder of the data sets.
        out: Folder of the run, new or empty; ``None`` takes a new one below ``runs``.
        resume: Whether to continue the run in ``out``. A finished one is returned as it is.
        progress: Whether to show progress on stderr.

    Returns:
        The record of the run.

    Raises:
        UserError: If a name, a value, a file or the folder is wrong, before training starts.
    """
    plan = make_plan(models.get(model), dataset, seed=seed, settings=settings, metapaths=metapaths)
    folder = Path(out) if out is not None else None
    main = launched_rank() == 0  # Told before the processes of a distributed run are started.
    if main:
        folder = claim(folder, f"{model}-{dataset}-seed{seed}", resume=resume)
        _open(folder, plan, resume=resume)
    if resume and folder is not None and (folder / RESULT).is_file():
        return Record.load(folder / RESULT)
    try:
        engine = Engine(plan.train)
        folder = Path(engine.from_main(str(folder)))
        clock = Clock(engine.device)
        with using_root(root), PeakMemory(engine.device) as memory:
            with clock.phase("load"):
                data, task = _load(plan, root)
            plan = bind_metapaths(plan, data)
            made = _build(plan, task, engine)
            trainer = Trainer(
                plan.train,
                seeds=plan.seeds,
                out=folder,
                progress=progress,
                engine=engine,
                workdir=folder / WORK,
            )
            result = trainer.fit(made, task, resume=resume)
    except BaseException:
        if folder is not None and main and not resume:
            abandon(folder)
        raise
    record = Record(
        model=model,
        dataset=dataset,
        config=plan.settings,
        seed=seed,
        data_sha256=dataset_sha256(data),
        environment=describe_environment(engine.device),
        metrics=result.metrics,
        seconds={**clock.seconds, **result.seconds},
        peak_memory_bytes=memory.resident_bytes,
        parameters=made.num_parameters(),
        epochs=result.epochs,
        extra=_extra(result, task, engine, memory),
        out=folder,
    )
    if engine.is_main:
        _write(folder, record, made, task, result)
    return record


def _open(folder: Path, plan: Plan, *, resume: bool) -> None:
    """Writes the settings of a new run, or compares those of one to resume."""
    sections = {**plan.settings, "seeds": plan.own_seeds}
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


def _load(plan: Plan, root: str | os.PathLike[str] | None) -> tuple[Dataset, Task]:
    data = load_dataset(plan.dataset, root, **plan.data)
    task = make_task(
        data,
        seeds=plan.seeds,
        options=config_to_dict(plan.task),
        family=run_family(data.task, plan.model.tasks),
    )
    audit(task)
    return data, task


def _build(plan: Plan, task: Task, engine: Engine) -> Method:
    """Makes the model; its initial weights depend on ``seeds.init`` alone."""
    with rng.isolated(engine.device, plan.seeds.key("init", "parameters")):
        return plan.model.for_task(task, plan.config)


def _extra(result: FitResult, task: Task, engine: Engine, memory: PeakMemory) -> dict[str, Any]:
    facts: dict[str, Any] = {"best_epoch": result.best_epoch, "protocol": task.protocol}
    if engine.world > 1:
        facts["processes"] = engine.world
    if memory.cuda_bytes:
        facts["cuda_peak_memory_bytes"] = memory.cuda_bytes
    return facts


def _write(folder: Path, record: Record, model: Method, task: Task, result: FitResult) -> None:
    """Writes predictions, model and, as the sign that all is there, the record."""
    tensors = dict(result.predictions)
    tensors |= {f"{part}.index": task.index(part) for part in ("train", "valid", "test")}
    save_tensors(tensors, folder / "predictions.safetensors")
    model.save(folder / "model")
    record.save(folder / RESULT)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    shutil.rmtree(folder / WORK, ignore_errors=True)
