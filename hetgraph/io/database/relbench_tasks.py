"""Tasks in RelBench's format: what they ask for, and their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hetgraph.errors import ConfigError, DataError, FileFormatError, suggest
from hetgraph.io.database.clock import Clock, moment
from hetgraph.yamlfile import checked, read_yaml

__all__ = ["RelBenchTask", "kind_of_values", "relbench_task", "task_rows", "with_classes"]

_MANIFEST = "manifest.yaml"
_SPLITS = {"train": "train", "val": "valid", "test": "test"}
_KINDS = {
    "regression": "values",
    "binary_classification": "labels",
    "multiclass_classification": "labels",
    "multilabel_classification": "labels",
}


class _TaskManifest(msgspec.Struct):
    """The manifest of a task."""

    task_type: str
    kind: str = "forecast"
    entity_table: str | None = None
    entity_col: str | None = None
    target_col: str | None = None
    time_col: str | None = None
    remove_columns: list[tuple[str, str]] = []


@dataclass(frozen=True)
class RelBenchTask:
    """What a task asks for.

    Args:
        name: Its name.
        folder: Its folder.
        table: The table whose rows are asked about.
        id: Column with the keys of these rows.
        time: Column of times.
        target: Column with what is to be predicted.
        kind: ``"labels"`` or ``"values"``; empty: told by the values.
        hidden: ``(table, column)`` pairs that the task must not see.
    """

    name: str
    folder: Path
    table: str
    id: str
    time: str
    target: str
    kind: str = ""
    hidden: tuple[tuple[str, str], ...] = field(default=())


def relbench_task(folder: Path, name: str = "") -> RelBenchTask:
    """Returns what a task asks for; without a name the only one.

    Raises:
        ConfigError: If the task is unknown or of a kind that is not read.
        FileFormatError: If a file is missing or damaged.
    """
    if not (folder / "db").is_dir():
        raise FileFormatError(f"{folder} has no folder db; expected a data set of RelBench.")
    tasks = folder / "tasks"
    names = sorted(path.name for path in tasks.iterdir() if path.is_dir()) if tasks.is_dir() else []
    if not names:
        raise FileFormatError(f"{folder} has no tasks; expected tasks/<task>/train.parquet.")
    if not name and len(names) > 1:
        raise ConfigError(f"{folder} has several tasks, {', '.join(names)}; give target: one.")
    name = name or names[0]
    if name not in names:
        raise ConfigError(f"{folder} has no task {name!r}.{suggest(name, names)}")
    place = tasks / name
    if (place / _MANIFEST).is_file():
        return _declared_task(name, place)
    return _stored_task(name, place)


def _declared_task(name: str, folder: Path) -> RelBenchTask:
    """Returns a task of version 3."""
    path = folder / _MANIFEST
    given = checked(read_yaml(path, FileFormatError), _TaskManifest, path, FileFormatError)
    if given.task_type not in _KINDS or given.kind == "autocomplete":
        what = "autocomplete" if given.kind == "autocomplete" else given.task_type
        raise ConfigError(
            f"{path}: tasks of the kind {what!r} are not read; expected rows of one table with a "
            f"time, of one of the kinds {', '.join(_KINDS)}."
        )
    wanted = ("entity_table", "entity_col", "target_col", "time_col")
    missing = [key for key in wanted if getattr(given, key) is None]
    if missing:
        raise FileFormatError(f"{path}: {', '.join(missing)} is missing.")
    return RelBenchTask(
        name,
        folder,
        str(given.entity_table),
        str(given.entity_col),
        str(given.time_col),
        str(given.target_col),
        _KINDS[given.task_type],
        tuple(given.remove_columns),
    )


def _stored_task(name: str, folder: Path) -> RelBenchTask:
    """Returns a task of version 1 or 2, from the metadata of its training table."""
    schema = _schema(folder / "train.parquet")
    facts = {key: _fact(schema, key) for key in ("fkey_col_to_pkey_table", "time_col")}
    references, time = facts["fkey_col_to_pkey_table"] or {}, facts["time_col"]
    if not isinstance(references, Mapping) or not isinstance(time, str):
        raise FileFormatError(
            f"{folder}/train.parquet does not say its keys and times; expected the metadata "
            f"fkey_col_to_pkey_table and time_col, or {_MANIFEST} beside it."
        )
    if len(references) != 1:
        raise ConfigError(
            f"{folder}: the task is about {len(references)} keys, {', '.join(references)}; only "
            "tasks about the rows of one table are read, not recommendation."
        )
    (column, table), *_ = references.items()
    rest = [key for key in schema.names if key not in (column, time)]
    if len(rest) != 1:
        raise ConfigError(
            f"{folder}/train.parquet has {len(rest)} columns beside id and time, "
            f"{', '.join(rest)}; expected one, the target."
        )
    return RelBenchTask(name, folder, str(table), str(column), time, rest[0])


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileFormatError(f"{path} is missing or damaged ({reason}).") from error


def _fact(schema: pa.Schema, key: str) -> Any:
    try:
        return json.loads((schema.metadata or {})[key.encode()])
    except (KeyError, ValueError):
        return None


def task_rows(task: RelBenchTask, since: Any) -> pa.Table:
    """Returns the rows of the three splits, with the split in the column ``_split``."""
    parts = []
    for file, split in _SPLITS.items():
        path = task.folder / f"{file}.parquet"
        schema = _schema(path)
        for name in (task.id, task.time, task.target):
            if name not in schema.names:
                hidden = " Test labels are needed to score." if file == "test" else ""
                raise DataError(
                    f"{path} has no column {name!r}.{suggest(name, schema.names)}{hidden}"
                )
        table = pq.read_table(path, columns=[task.id, task.time, task.target])
        table = table.replace_schema_metadata(None)
        if since is not None and split == "train":
            clock = Clock.read(table[task.time].combine_chunks(), f"{path}, column {task.time!r}")
            table = table.filter(pc.greater_equal(clock.times, moment(since, "since")))
        parts.append(table.append_column("_split", pa.array([split] * table.num_rows, pa.string())))
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"{task.folder}: the three splits have different types ({error})."
        ) from error


def kind_of_values(values: pa.ChunkedArray) -> str:
    """Returns whether values are classes or numbers to predict."""
    kind = values.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        different = set(pc.unique(values).to_pylist()) - {None}
        return "labels" if different <= {0, 1} else "values"
    return "labels"


def with_classes(table: pa.Table, task: RelBenchTask) -> tuple[pa.Table, list[int]]:
    """Returns 0/1 lists, one entry per class, as lists of classes."""
    column = table[task.target].combine_chunks()
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    if len(set(lengths.tolist())) != 1 or column.null_count:
        raise ConfigError(
            f"{task.folder}: the lists in {task.target!r} differ in length, as in recommendation; "
            "only tasks about the rows of one table are read."
        )
    flags = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), int(lengths[0]))
    rows, classes = np.nonzero(flags)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(column)))])
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(classes))
    at = table.column_names.index(task.target)
    return table.set_column(at, task.target, lists), list(range(int(lengths[0])))
