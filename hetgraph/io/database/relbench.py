"""Data sets in the format of RelBench: Parquet files with keys and times, and tables of tasks.

A data set is a folder::

    db/<table>.parquet                       the database
    tasks/<task>/{train,val,test}.parquet    id of a row, a time, and what is to be predicted
    manifest.yaml, tasks/<task>/manifest.yaml    since version 3

Up to version 2, primary key, foreign keys and time column are in the metadata of each Parquet file,
under ``pkey_col``, ``fkey_col_to_pkey_table`` and ``time_col``, as JSON. Since version 3 the
manifests tell them: ``tables: {<table>: {pkey, fkeys, time_col}}``, and of a task ``kind``,
``task_type``, ``entity_table``, ``entity_col``, ``time_col``, ``target_col`` and
``remove_columns``, the columns that the task must not see.

Source: Robinson et al., "RelBench: A Benchmark for Deep Learning on Relational Databases", NeurIPS
2024 Datasets and Benchmarks; the format as the packages relbench 1.1.0 and 3.0.2 read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pyarrow as pa

from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import ConfigError, DataError, FileFormatError, suggest
from hetgraph.io.database.catalogue import ForeignKey, TableInfo, table_named
from hetgraph.io.database.engine_parquet import ParquetEngine
from hetgraph.io.database.proposal import Proposal, propose
from hetgraph.io.database.query_targets import QueryTarget
from hetgraph.io.database.relbench_tasks import (
    RelBenchTask,
    kind_of_values,
    relbench_task,
    task_rows,
    with_classes,
)
from hetgraph.io.database.seeded import with_latest, with_notes, with_seeds
from hetgraph.io.database.sources import QuerySource
from hetgraph.io.database.store import DatabaseStore
from hetgraph.io.graph_only import read_graph
from hetgraph.registry import targets
from hetgraph.yamlfile import checked, read_yaml

__all__ = ["load_relbench", "load_relbench_graph", "relbench_files"]

_MANIFEST = "manifest.yaml"


class _Table(msgspec.Struct):
    """An entry of ``tables`` in the manifest of a data set; other keys are not needed."""

    pkey: str | None = None
    time_col: str | None = None
    fkeys: dict[str, str] = {}


class _Manifest(msgspec.Struct):
    """The manifest of a data set."""

    tables: dict[str, _Table]


def load_relbench(
    folder: str | Path,
    task: str = "",
    *,
    kind: str = "",
    window: str | None = None,
    repeats: str = "error",
    since: Any = None,
    snapshots: int = 64,
) -> Dataset:
    """Reads a data set and a task in RelBench's format, with the graph cut at each row's time.

    Args:
        folder: The folder with ``db`` and ``tasks``.
        task: Name of the task; empty: the only one.
        kind: ``"labels"`` or ``"values"``, where a task of version 1 does not tell it: numbers
            other than 0 and 1 are values.
        window: Length of windows that times are rounded down to, such as ``"30 days"``.
        repeats: ``"latest"`` takes the latest of several rows about a node in the same window.
        since: Training rows before this time are left out.
        snapshots: Most copies of the graph, one per different time.

    Raises:
        ConfigError: If the task is unknown or of a kind that is not read.
        UserError: If a file is missing, damaged or contradicts the others.

    Example:
        >>> import json
        >>> import pyarrow.parquet as pq
        >>> db, task = Path("rel-tiny/db"), Path("rel-tiny/tasks/active")
        >>> db.mkdir(parents=True), task.mkdir(parents=True)
        (None, None)
        >>> def write(path, columns, pkey=None, fkeys={}, time=None):
        ...     facts = {"pkey_col": pkey, "fkey_col_to_pkey_table": fkeys, "time_col": time}
        ...     table = pa.table(columns)
        ...     facts = {name: json.dumps(value) for name, value in facts.items()}
        ...     pq.write_table(table.replace_schema_metadata(facts), path)
        >>> write(db / "user.parquet", {"id": [0, 1]}, pkey="id")
        >>> write(db / "post.parquet", {"user": [0, 1, 1], "year": [2001, 2001, 2003]},
        ...       fkeys={"user": "user"}, time="year")
        >>> for split, year in (("train", 2000), ("val", 2001), ("test", 2002)):
        ...     write(task / f"{split}.parquet", {"year": [year], "id": [1], "active": [year % 2]},
        ...           fkeys={"id": "user"}, time="year")
        >>> dataset = load_relbench("rel-tiny")
        >>> dataset.info["snapshots"], dataset.graph.num_nodes["post"]
        (['2000', '2001', '2002'], 4)
    """
    folder = Path(folder)
    chosen = relbench_task(folder, task)
    table = task_rows(chosen, since)
    values = table[chosen.target]
    named = kind or chosen.kind or kind_of_values(values)
    if named not in ("labels", "values"):
        raise ConfigError(f"kind is {named!r}, expected 'labels' or 'values'.")
    options: dict[str, Any] = {
        "node_type": chosen.table,
        "id": chosen.id,
        "time": chosen.time,
        "column": chosen.target,
        "split": "_split",
        "snapshots": snapshots,
        "repeats": repeats,
    }
    if window is not None:
        options["window"] = window
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        table, options["classes"] = with_classes(table, chosen)
    query = QueryTarget(chosen.name, targets.get(named), options, f"{chosen.folder}")
    label = f"task {chosen.name!r} ({chosen.folder})"
    with _RelBenchStore(folder, chosen) as store:
        table_named(chosen.table, store.engine.tables, str(folder))
        dataset = with_seeds(store, store.declaration(), query, QuerySource(table, label, set()))
    return replace(dataset, name=folder.resolve().name)


def load_relbench_graph(
    folder: str | Path,
    task: str = "",
    *,
    encoders: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Dataset:
    """Reads the graph of a data set as of its latest rows, to ask a trained model about it.

    Args:
        folder: The folder with ``db`` and ``tasks``.
        task: Name of the task that was trained on, some of whose columns are hidden; empty: the
            only one. Its rows are not read.
        encoders: ``encoders`` of the graph that was trained on.

    Raises:
        UserError: As :func:`load_relbench`.
    """
    folder = Path(folder)
    chosen = relbench_task(folder, task)
    with _RelBenchStore(folder, chosen) as store:
        store.cut()
        dataset = read_graph(store, encoders=encoders)
        dataset = with_latest(store, store.declaration(), dataset, chosen.name)
        dataset = with_notes(dataset, store.notes)
    return replace(dataset, name=folder.resolve().name)


def relbench_files(folder: str | Path) -> list[Path]:
    """Returns the files of a data set and of all its tasks."""
    folder = Path(folder)
    patterns = ("db/**/*.parquet", "tasks/*/*.parquet", _MANIFEST, f"tasks/*/{_MANIFEST}")
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


class _RelBenchStore(DatabaseStore):
    """The database of a data set, with the keys that its manifest tells."""

    def __init__(self, folder: Path, task: RelBenchTask) -> None:
        super().__init__(_RelBenchEngine(folder), guess=False)
        self._task = task

    def proposed(self) -> Proposal:
        """Returns the declaration without the columns that the task must not see."""
        return propose(
            self.engine, guess=False, hidden=self._task.hidden, entities=(self._task.table,)
        )

    def _content(self) -> tuple[Any, str]:
        proposed = self.proposed()
        self.notes += proposed.notes
        kept = {key: proposed.declaration[key] for key in ("nodes", "edges")}
        return kept, self.label


class _RelBenchEngine(ParquetEngine):
    """The Parquet files of a data set.

    Args:
        folder: The data set.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "db")
        self._manifest = folder / _MANIFEST

    def _catalogue(self) -> dict[str, TableInfo]:
        tables = super()._catalogue()
        path = self._manifest
        if not path.is_file():
            return tables
        given = checked(read_yaml(path, FileFormatError), _Manifest, path, FileFormatError)
        known = {}
        for name, table in given.tables.items():
            info = table_named(name, tables, f"{path}: {self.path}")
            for column in (table.pkey, table.time_col, *table.fkeys):
                if column is not None and column not in info.columns:
                    raise DataError(
                        f"{path}: the table {name!r} has no column {column!r}."
                        f"{suggest(column, info.columns)}"
                    )
            known[name] = TableInfo(
                name,
                info.columns,
                () if table.pkey is None else (table.pkey,),
                tuple(
                    ForeignKey((column,), other, _key_of(other, given, path))
                    for column, other in table.fkeys.items()
                ),
                table.time_col,
            )
        return known


def _key_of(table: str, manifest: _Manifest, path: Path) -> tuple[str, ...]:
    if table not in manifest.tables or manifest.tables[table].pkey is None:
        raise DataError(
            f"{path}: a foreign key refers to the table {table!r}, which has no primary key."
            f"{suggest(table, manifest.tables)}"
        )
    return (str(manifest.tables[table].pkey),)
