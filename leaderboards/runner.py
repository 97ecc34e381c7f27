"""Runs models on the datasets of a benchmark and appends a record for every run."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from hetgraph.errors import ConfigError, UserError
from hetgraph.files import OutputError
from hetgraph.leaderboards.folders import find_folders
from hetgraph.leaderboards.format import number, seconds_text
from hetgraph.leaderboards.job import Job
from hetgraph.leaderboards.record import (
    Identity,
    RunRecord,
    append_record,
    check_writable,
    read_records,
)
from hetgraph.leaderboards.spec import Benchmark, OwnRow, load_benchmark

__all__ = ["BenchmarkRun", "Failure", "run_benchmark"]


@dataclass(frozen=True)
class Failure:
    """Why the runs on a dataset were stopped.

    ``seed`` is None if no run had started; ``traceback`` is empty for a user's mistake.
    """

    model: str
    dataset: str
    seed: int | None
    message: str
    traceback: str = ""


@dataclass
class BenchmarkRun:
    """Outcome of a call: new records, skipped runs and failures."""

    recorded: list[RunRecord] = field(default_factory=list)
    skipped: list[Identity] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass
class _Session:
    """State of one call of :func:`run_benchmark`."""

    folder: Path
    known: set[Identity]
    seeds: tuple[int, ...]
    rerun: bool
    keep_older: bool
    progress: bool
    console: Console
    report: BenchmarkRun = field(default_factory=BenchmarkRun)

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def has_older(self, identity: Identity) -> bool:
        """Whether the same run is recorded by other code."""
        return any(known[:-1] == identity[:-1] for known in self.known)


def run_benchmark(
    name: str | Path,
    model: str | None = None,
    seeds: int | Sequence[int] = 5,
    datasets: Sequence[str] | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    metapaths: Sequence[str] = (),
    root: Path | None = None,
    results: Path | None = None,
    out: Path | None = None,
    rerun: bool = False,
    keep_older: bool = False,
    progress: bool = True,
    console: Console | None = None,
) -> BenchmarkRun:
    """Runs models and the benchmark's further rows, one run per dataset and seed.

    A run that is recorded already (same model, dataset, configuration, seed, data, version and
    code) is skipped; one that was interrupted is resumed. When a dataset fails, its remaining seeds
    are left out and the next dataset is run.

    Args:
        name: A benchmark by name, or the path of its YAML file.
        model: A registered model, run together with its further rows; None runs all models with a
            published row and all further rows.
        seeds: The seeds, or how many: 5 means 0 to 4.
        datasets: Datasets of the benchmark; None means all runnable ones.
        settings: Changes to the model's configuration, by section; such runs get a row of their
            own without a verdict. If given, no further row is run.
        metapaths: Meta-paths for a model that takes them; treated like ``settings``.
        root: Folder of the data sets.
        results: Folder of the records; see :func:`hetgraph.leaderboards.folders.find_folders`.
        out: Folder of the runs; None means ``runs/leaderboards``.
        rerun: Whether to run again what is recorded already.
        keep_older: Whether to skip as well what is recorded by older code.
        progress: Whether the trainer shows progress.
        console: Where to report each run; None reports nothing.

    Returns:
        The new records, the skipped runs and the failures.

    Raises:
        ConfigError: If the benchmark, model, dataset or seeds are not valid.
        OutputError: If the records cannot be written.
    """
    benchmark = load_benchmark(name)
    chosen = _chosen(benchmark, model, settings or {}, alone=bool(settings or metapaths))
    wanted = benchmark.select(datasets)
    numbers = _seeds(seeds)
    folder = find_folders(results).results
    check_writable(folder)
    known = {record.identity for record in read_records(folder, benchmark.name)}
    console = console or Console(quiet=True)
    session = _Session(folder, known, numbers, rerun, keep_older, progress, console)
    for row in chosen:
        for dataset in (dataset for dataset in wanted if row.is_on(dataset.name)):
            if not dataset.runnable and datasets is None:
                session.say(f"{row.label} on {dataset.name}: not run. {dataset.note}")
                continue
            job = Job(
                benchmark=benchmark,
                model=row.model,
                dataset=dataset.name,
                settings=row.settings,
                label=row.label,
                metapaths=tuple(metapaths),
                root=root,
                out=out or Path("runs", "leaderboards"),
            )
            _run_job(job, session)
    return session.report


def _run_job(job: Job, session: _Session) -> None:
    """Runs every seed that is not recorded yet; after a failure the other seeds are left out."""
    seed: int | None = None
    try:
        hashes = job.identify()
        for seed in session.seeds:
            identity = job.identity(hashes, seed)
            if not session.rerun and _is_recorded(job, session, identity):
                session.report.skipped.append(identity)
                continue
            record = job.run(hashes, seed, fresh=session.rerun, progress=session.progress)
            append_record(session.folder, record)
            session.known.add(record.identity)
            session.report.recorded.append(record)
            session.say(f"{job.title} on {job.dataset}, seed {seed}: {_scores(job, record)}.")
    except OutputError:
        raise  # A full disk or a read-only folder would stop every further run as well.
    except UserError as error:
        _fail(job, session, seed, " ".join(str(error).split()))
    except Exception as error:
        message = f"{type(error).__name__}: {' '.join(str(error).split())}"
        _fail(job, session, seed, message, traceback.format_exc())


def _is_recorded(job: Job, session: _Session, identity: Identity) -> bool:
    """Whether a run is to be skipped, and says so; records of older code count if asked to."""
    where = f"{job.title} on {job.dataset}, seed {identity[3]}"
    if identity in session.known:
        session.say(f"{where}: recorded already.")
        return True
    if not session.has_older(identity):
        return False
    if session.keep_older:
        session.say(f"{where}: recorded already, by older code.")
    else:
        session.say(f"{where}: recorded by older code, so it is run again.")
    return session.keep_older


def _fail(job: Job, session: _Session, seed: int | None, message: str, trace: str = "") -> None:
    session.report.failures.append(Failure(job.title, job.dataset, seed, message, trace))
    where = f"{job.title} on {job.dataset}"
    if seed is not None:
        where += f", seed {seed}"
    session.say(f"{where}: failed, continuing with the next dataset. {message}")


def _scores(job: Job, record: RunRecord) -> str:
    """The metrics of the table and the time of a run."""
    benchmark = job.benchmark
    parts = []
    for name in benchmark.datasets[job.dataset].metrics:
        metric = benchmark.metrics[name]
        value = record.metrics.get(metric.split, {}).get(metric.key)
        if value is not None:
            parts.append(f"{metric.label} {number(value, benchmark.scale)}")
    return ", ".join([*parts, seconds_text(sum(record.seconds.values()))])


def _chosen(
    benchmark: Benchmark, model: str | None, settings: Mapping[str, Any], *, alone: bool
) -> list[OwnRow]:
    """The rows to run; with ``alone`` only the models themselves, with ``settings``."""
    chosen = [
        OwnRow(label=name, model=name, settings=dict(settings))
        for name in _models(benchmark, model)
    ]
    if not alone:
        plain = {row.model for row in chosen}
        further = (row for row in benchmark.rows if model in (None, row.model))
        chosen += [row for row in further if row.settings or row.model not in plain]
    if not chosen:
        raise ConfigError(f"no registered model has a row in {benchmark.name!r}.")
    return chosen


def _models(benchmark: Benchmark, model: str | None) -> tuple[str, ...]:
    from hetgraph.registry import models

    if model is not None:
        models.get(model)
        return (model,)
    names = models.names()
    return tuple(row.ours for row in benchmark.published if row.ours and row.ours in names)


def _seeds(seeds: int | Iterable[int]) -> tuple[int, ...]:
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(dict.fromkeys(seeds))
    if not numbers:
        raise ConfigError(f"seeds is {seeds!r}, expected at least one seed.")
    if negative := [seed for seed in numbers if seed < 0]:
        raise ConfigError(f"seed {negative[0]} is negative, expected 0 or more.")
    return numbers
