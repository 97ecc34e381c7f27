"""A finished run, opened again: its record, its model, its task."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.loading import load_dataset
from hetgraph.catalog.parsed_cache import read_dataset
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.methods import Method, RelevanceRow
from hetgraph.registry import models
from hetgraph.runs.outdir import DATA, MODEL, RESULT
from hetgraph.runs.packages import check_packages
from hetgraph.runs.plan import make_plan
from hetgraph.runs.record import Record
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks import Task, make_task

__all__ = ["OpenRun", "open_record", "reopen"]


@dataclass(frozen=True, eq=False)
class OpenRun:
    """What a run left behind, and what it was made from.

    Args:
        folder: Folder of the run; ``None`` for one that was not written.
        record: Its outcome.
        model: The trained model, in evaluation mode.
        dataset: Graph, labels and splits.
        task: The task with the run's own split; of a run with ``train.refit`` the view that the
            model was refitted on, without validation.
        seeds: Sources of chance of the run.
        given: Whether the data set was given in Python, so that no name leads to it.
    """

    folder: Path | None
    record: Record
    model: Method
    dataset: Dataset
    task: Task
    seeds: Seeds
    given: bool = False

    @cached_property
    def inputs(self) -> Any:
        """What the model reads, prepared as in the run; computed once."""
        return self.model.prepare(self.task, seeds=self.seeds)

    def relevance(self, *, by_class: bool = False) -> list[RelevanceRow]:
        """Returns the weight of each relation or meta-path; empty if the method weighs none.

        Args:
            by_class: Whether to add rows by class, if the task shows labels to the model.
        """
        labels = self.task.labels
        with torch.no_grad():
            if not by_class or not self.task.spec.num_classes:
                return self.model.relevance(self.inputs)
            if labels.dim() == 1:
                return self.model.relevance(self.inputs, labels)
            # A node can have several labels: each label is asked for separately.
            rows = self.model.relevance(self.inputs)
            for label in range(labels.shape[1]):
                classes = torch.where(labels[:, label] > 0, label, -1)
                of_class = self.model.relevance(self.inputs, classes)
                rows += [row for row in of_class if row.label is not None]
        return rows


def open_record(folder: Path) -> Record:
    """Reads the record in the folder of a finished run.

    Raises:
        ConfigError: If the folder holds no finished run.
        FileFormatError: If the file is damaged.
    """
    if not (folder / RESULT).is_file():
        raise ConfigError(
            f"{folder} holds no {RESULT}; expected the folder of a finished run, "
            "as written by `hetgraph train --out DIR`."
        )
    try:
        return Record.load(folder / RESULT)
    except FileFormatError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{folder / RESULT} is not a record ({error}); train again."
        ) from error


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
    record = open_record(path)
    model = Method.load(path / MODEL)
    given = read_dataset(path / DATA) if (path / DATA).is_dir() else None
    plan = make_plan(
        models.get(model.name),
        record.dataset,
        seed=record.seed,
        settings=record.config,
        given=given,
    )
    check_packages(plan, trains=False)
    dataset = given if given is not None else load_dataset(plan.dataset, root, **plan.data)
    if dataset.sha256 != record.data_sha256:
        raise ConfigError(
            f"{record.dataset} is not what the run was trained on: its checksum differs; "
            "train again, or ask the model by `hetgraph predict`, which takes other graphs."
        )
    task = make_task(
        dataset,
        seeds=plan.seeds,
        options=config_to_dict(plan.task),
        family=plan.family,
    )
    if plan.train.refit:
        task = task.refit_view()
    return OpenRun(path, record, model, dataset, task, plan.seeds, given is not None)
