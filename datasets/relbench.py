"""Data sets in RelBench's format: ``relbench:./rel-f1``, with the task as ``target``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import ConfigError
from hetgraph.io.database.relbench import (
    load_relbench,
    load_relbench_graph,
    relbench_files,
)

__all__ = ["RelBenchFormat"]


class RelBenchFormat(Collection):
    """Folders with ``db`` and ``tasks``; the option ``target`` names the task.

    The other options are those of :func:`hetgraph.io.database.relbench.load_relbench`.
    """

    name = "relbench"
    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Any]] = {
        "target": "",
        "kind": "",
        "window": None,
        "repeats": "error",
        "since": None,
        "snapshots": 64,
    }

    def names(self) -> tuple[str, ...]:
        """Returns no names, as a format has no data sets."""
        return ()

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Fails, as a format is loaded from a folder.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"write relbench:FOLDER, not relbench/{name}.")

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a data set and a task, with the graph cut at each row's time.

        Raises:
            UserError: If a file is missing or invalid, or the task is of a kind that is not read.
        """
        task = str(options.pop("target", "") or "")
        return load_relbench(path, task, **options)

    def load_graph_folder(
        self, path: Path, *, encoders: Mapping[str, Mapping[str, Any]], **options: Any
    ) -> Dataset:
        """Reads the graph as of its latest rows, without the rows of the task.

        Raises:
            UserError: As :meth:`load_folder`.
        """
        return load_relbench_graph(path, str(options.get("target") or ""), encoders=encoders)

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the files of the data set and its tasks."""
        return relbench_files(path)
