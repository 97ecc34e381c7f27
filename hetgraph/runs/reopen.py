"""A finished run, opened again: its record, its model, its task."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.loading import load_dataset
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.methods import Method
from hetgraph.registry import models
from hetgraph.runs.outdir import MODEL, RESULT
from hetgraph.runs.plan import make_plan
from hetgraph.runs.record import Record
from hetgraph.settings import config_to_dict
from hetgraph.tasks import Task, make_task

__all__ = ["OpenRun", "reopen"]


@dataclass(frozen=True, eq=False)
class OpenRun:
    """What a run left behind, and what it was made from.

    Args:
        folder: Folder of the run.
        record: Its outcome.
        model: The trained model, in evaluation mode.
        dataset: Graph, labels and splits.
        task: The task with the run's own split; of a run with ``train.refit`` the view that the
            model was refitted on, without validation.
    """

    folder: Path
    record: Record
    model: Method
    dataset: Dataset
    task: Task
    _seeds: Any

    @cached_property
    def inputs(self) -> Any:
        """What the model reads, prepared as in the run; computed once."""
        return self.model.prepare(self.task, seeds=self._seeds)


def reopen(folder: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> OpenRun:
    """Opens the folder of a finished run.

    Args:
        folder: What ``hetgraph train --out`` wrote.
        root: Folder of the data sets.

    Raises:
        ConfigError: If the folder holds no finished run, or the data set is another one now.
        FileFormatError: If a file is damaged.
    """
    path = Path(folder)
    if not (path / RESULT).is_file():
        raise ConfigError(
            f"{path} holds no {RESULT}; expected the folder of a finished run, "
            "as written by `hetgraph train --out DIR`."
        )
    try:
        record = Record.load(path / RESULT)
    except FileFormatError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{path / RESULT} is not a record ({error}); train again.") from error
    model = Method.load(path / MODEL)
    plan = make_plan(
        models.get(model.name), record.dataset, seed=record.seed, settings=record.config
    )
    dataset = load_dataset(plan.dataset, root, **plan.data)
    if dataset.sha256 != record.data_sha256:
        raise ConfigError(
            f"{record.dataset} is not what the run was trained on: its checksum differs; "
            "train again."
        )
    task = make_task(
        dataset,
        seeds=plan.seeds,
        options=config_to_dict(plan.task),
        family=plan.family,
    )
    if plan.train.refit:
        task = task.refit_view()
    return OpenRun(path, record, model, dataset, task, plan.seeds)
