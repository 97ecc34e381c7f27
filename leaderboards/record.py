"""Records of our runs: one JSON object per line, appended and never rewritten.

A file ``results/<benchmark>.<model>.jsonl`` holds the runs of one model. Appending is one write
under a lock, undone if it is incomplete. Reading checks every line.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import math
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from hetgraph.errors import DataError, FileFormatError
from hetgraph.files import OutputError, explain_os_error
from hetgraph.renamed import current_settings
from hetgraph.settings import settings_that_count

__all__ = [
    "SCHEMA",
    "Identity",
    "RunRecord",
    "append_record",
    "check_writable",
    "comparable_config",
    "config_hash",
    "duplicates",
    "read_records",
    "record_file",
]

SCHEMA = 1
"""Version of the format of a line."""

Identity: TypeAlias = tuple[str, str, str, int, str, str, str]
"""Model, dataset, configuration hash, seed, data hash, version and digest of the code."""


@dataclass(frozen=True)
class RunRecord:
    """One run: what was run (config, seed, data, version, code), where, and what came out.

    ``metrics[split][name]`` are fractions as the task reports them, ``seconds`` is by phase,
    ``config`` is the effective configuration apart from the seeds and from settings that change no
    number, ``overrides`` what the caller changed in it, ``protocol`` what the task reports about
    its splits. ``code`` are the digests of the code that made the numbers
    (:mod:`hetgraph.leaderboards.code`); records without any are of older code. ``recorded`` is the
    time of writing (UTC, ISO 8601).
    """

    benchmark: str
    model: str
    dataset: str
    seed: int
    config: Mapping[str, Any]
    config_sha256: str
    data_sha256: str
    version: str
    metrics: Mapping[str, Mapping[str, float | None]]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    epochs: int | None = None
    code: Mapping[str, str] = field(default_factory=dict)
    recorded: str = ""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise DataError(f"record of {self.model} on {self.dataset}: {problem}.")

    @property
    def identity(self) -> Identity:
        """What two records of the same run agree in: all but time and machine."""
        return (
            self.model,
            self.dataset,
            self.config_sha256,
            self.seed,
            self.data_sha256,
            self.version,
            self.code.get("total", ""),
        )

    @property
    def refit(self) -> bool:
        """Whether the model was trained once more on training and validation targets."""
        train = self.config.get("train", {})
        return isinstance(train, Mapping) and bool(train.get("refit", False))

    @classmethod
    def from_result(
        cls,
        result: Mapping[str, Any],
        *,
        benchmark: str,
        version: str,
        overrides: Mapping[str, Any] | None = None,
        code: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """Record of a finished run from the dict that a run writes as ``result.json``."""
        config = comparable_config(result["config"], result["model"])
        return cls(
            benchmark=benchmark,
            model=result["model"],
            dataset=result["dataset"],
            seed=result["seed"],
            config=config,
            config_sha256=config_hash(config),
            data_sha256=result["data_sha256"],
            version=version,
            metrics=result["metrics"],
            overrides=dict(overrides or {}),
            protocol=result.get("protocol", {}),
            environment=result["environment"],
            seconds=result["seconds"],
            peak_memory_bytes=result["peak_memory_bytes"],
            parameters=result["parameters"],
            epochs=result["epochs"],
            code=dict(code or {}),
            recorded=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunRecord:
        """Inverse of ``to_dict``; settings that were renamed since get the names of today.

        Raises:
            DataError: If keys are missing or unknown, or a value does not fit.
        """
        known = {entry.name for entry in fields(cls)}
        needed = {"schema", "benchmark", "model", "dataset", "seed", "config", "config_sha256"}
        needed |= {"data_sha256", "version", "metrics"}
        if missing := sorted(needed - set(values)):
            raise DataError(f"key {missing[0]!r} is missing.")
        if values["schema"] != SCHEMA:
            raise DataError(f"schema is {values['schema']!r}, this version reads {SCHEMA}.")
        if unknown := sorted(set(values) - known):
            raise DataError(f"key {unknown[0]!r} is unknown.")
        return cls(**values)._renamed()

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values, in the order in which a line is written."""
        return asdict(self)

    def _renamed(self) -> RunRecord:
        """This record under the names that its settings have today."""
        config = current_settings(self.config, self.model)
        if config == self.config:
            return self
        overrides = current_settings(self.overrides, self.model)
        return replace(self, config=config, config_sha256=config_hash(config), overrides=overrides)


def comparable_config(config: Mapping[str, Any], model: str = "") -> dict[str, Any]:
    """The configuration without the seeds and without settings that change no number.

    Args:
        config: Settings by section; renamed ones get the names of today.
        model: Name of the model that they belong to.
    """
    from hetgraph.train.config import TrainConfig  # Imports torch, which `show` does without.

    kept = {
        key: value
        for key, value in current_settings(config, model).items()
        if key not in ("seed", "seeds")
    }
    if isinstance(train := kept.get("train"), Mapping):
        kept["train"] = settings_that_count(TrainConfig, train, with_additive=False)
    return kept


def config_hash(config: Mapping[str, Any]) -> str:
    """First 16 hexadecimal digits of the sha256 of a comparable configuration as canonical JSON."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def record_file(folder: Path, benchmark: str, model: str) -> Path:
    """The file that holds the records of one model in one benchmark."""
    return folder / f"{benchmark}.{model}.jsonl"


def check_writable(folder: Path) -> None:
    """Creates the folder of the records, so that no run is trained in vain.

    Raises:
        OutputError: If it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = explain_os_error(error) or str(error)
        raise OutputError(f"cannot make the folder {folder}: {words}.") from error
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write to {folder}: permission denied; choose another folder.")


def append_record(folder: Path, record: RunRecord) -> Path:
    """Appends one record to its file, completely or not at all; earlier lines stay untouched.

    Raises:
        OutputError: If the folder or file cannot be written.
    """
    path = record_file(folder, record.benchmark, record.model)
    line = (json.dumps(record.to_dict(), allow_nan=False, ensure_ascii=False) + "\n").encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file, _locked(file.fileno()):
            before = os.fstat(file.fileno()).st_size
            try:
                written = file.write(line)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
            if written != len(line):
                file.truncate(before)
                raise OutputError(f"cannot append to {path}: the disk is full; free some space.")
    except OSError as error:
        words = explain_os_error(error) or str(error)
        raise OutputError(f"cannot append to {path}: {words}.") from error
    return path


def read_records(folder: Path, benchmark: str) -> list[RunRecord]:
    """All records of a benchmark, ordered by file name and line; none without the folder.

    An installed package holds the files compressed, as ``.jsonl.gz``.

    Raises:
        FileFormatError: If a line is not a valid record; the message gives its number.
    """
    records = []
    names = (f"{benchmark}.*.jsonl", f"{benchmark}.*.jsonl.gz")
    for path in sorted(path for name in names for path in folder.glob(name)):
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                record = _read_line(line, f"{path}:{number}")
                if record.benchmark != benchmark:
                    raise FileFormatError(
                        f"{path}:{number}: it belongs to benchmark {record.benchmark!r}; "
                        "move the line there."
                    )
                records.append(record)
    return records


def duplicates(records: Iterable[RunRecord]) -> dict[Identity, int]:
    """Runs that are recorded more than once, with their number of records."""
    counts = Counter(record.identity for record in records)
    return {identity: count for identity, count in counts.items() if count > 1}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Opens a file of records for reading, also one that setup.py compressed for the wheel."""
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as data:
            yield io.TextIOWrapper(data, encoding="utf-8")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileFormatError(f"{path}: not a whole gzip file; install hetgraph again.") from error


def _read_line(line: str, where: str) -> RunRecord:
    try:
        values = json.loads(line)
        if not isinstance(values, dict):
            raise DataError("expected a JSON object.")
        return RunRecord.from_dict(values)
    except json.JSONDecodeError as error:
        raise FileFormatError(f"{where}: not a JSON object ({error}); delete the line.") from error
    except (DataError, TypeError) as error:
        raise FileFormatError(f"{where}: {error} Restore the line or delete it.") from error


def _problems(record: RunRecord) -> Iterator[str]:
    """What is wrong with a record, the most basic mistake first."""
    for name in ("benchmark", "model", "dataset", "config_sha256", "data_sha256", "version"):
        value = getattr(record, name)
        if not isinstance(value, str) or not value:
            yield f"{name} is {value!r}, expected text"
            return
    if isinstance(record.seed, bool) or not isinstance(record.seed, int):
        yield f"seed is {record.seed!r}, expected an integer"
    for name in ("config", "overrides", "protocol", "environment", "metrics", "seconds", "code"):
        if not isinstance(getattr(record, name), Mapping):
            yield f"{name} is not a mapping"
            return
    test = record.metrics.get("test")
    if not isinstance(test, Mapping) or not test:
        yield "metrics.test is missing or empty"
        return
    for key, value in test.items():
        if not _finite(value):
            yield f"metrics.test.{key} is {value!r}, expected a finite number"
    for key, value in record.seconds.items():
        if not _finite(value) or value < 0:
            yield f"seconds.{key} is {value!r}, expected a number of 0 or more"
    for name in ("peak_memory_bytes", "parameters", "epochs"):
        value = getattr(record, name)
        if value is not None and not (_finite(value) and value >= 0):
            yield f"{name} is {value!r}, expected a number of 0 or more"
    if record.config_sha256 != config_hash(record.config):
        yield "config_sha256 does not belong to config"


def _finite(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)  # type: ignore[arg-type]


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Holds an exclusive lock on an open file, where the platform has such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
