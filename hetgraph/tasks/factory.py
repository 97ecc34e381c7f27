"""From a data set to a task: the usual one for it, or another that its targets allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError, DataError
from hetgraph.registry import tasks
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict
from hetgraph.tasks.audit import AuditReport
from hetgraph.tasks.base import Task

__all__ = ["DEFAULT_FAMILY", "audit", "families", "make_task", "related_families", "task_class"]

DEFAULT_FAMILY = "node-classification"


def task_class(family: str) -> type[Task]:
    """Returns the task of a family such as ``"recommendation"``.

    Raises:
        ConfigError: If there is none, with a suggestion.

    Example:
        >>> task_class("recommendation").reads
        'links'
    """
    cls: type[Task] = tasks.get(family)
    return cls


def families() -> tuple[str, ...]:
    """Returns the families of tasks that data sets can be used for.

    Example:
        >>> "edge-regression" in families()
        True
    """
    return tuple(name for name in tasks.names() if task_class(name).reads)


def related_families(family: str) -> tuple[str, ...]:
    """Returns the families that are made from the same kind of target, the given one first."""
    reads = task_class(family).reads
    others = (name for name in families() if task_class(name).reads == reads and name != family)
    return (family, *others)


def make_task(
    dataset: Dataset,
    *,
    seeds: Seeds | None = None,
    options: Mapping[str, Any] | None = None,
    family: str = "",
) -> Task:
    """Builds the task of a data set.

    Args:
        dataset: Graph, targets and splits.
        seeds: Sources of chance; ``seeds.split`` draws the validation set, or chooses the fold.
        options: Fields of the task's ``Options`` by name; ``kind`` names a family.
        family: Family of the task, such as ``"few-shot"``; empty: that of the options, else the
            data set's own.

    Raises:
        ConfigError: If an option is unknown or invalid.
        DataError: If no task fits the data set.

    Example:
        >>> from hetgraph import load_dataset
        >>> make_task(load_dataset("synthetic/academic", num_nodes=500)).spec.target
        'author'
    """
    options = dict(options or {})
    asked = options.get("kind") or family
    if not asked and not dataset.family:
        raise DataError(
            f"{dataset.name} has no target, so nothing can be asked of it; give it one, such as "
            "Labels or Links, or name a task."
        )
    cls: Any = task_class(asked or dataset.family)
    if not cls.reads:
        raise ConfigError(f"the task {cls.name!r} is not made from a data set.")
    chosen = config_from_dict(cls.Options, options, section="task")
    try:
        task: Task = cls(dataset, seeds or Seeds(), chosen)
    except DataError as error:
        raise DataError(f"{error}{_other_families(dataset, cls)}") from error
    return task


def _other_families(dataset: Dataset, cls: type[Task]) -> str:
    """Tells what the targets of a data set are for, if it has none that a family is made from."""
    kinds = {target.kind for target in dataset.targets.values()}
    able = [name for name in families() if task_class(name).reads in kinds]
    if cls.reads in kinds or not able:
        return ""
    # Links of tables are held out only where they are asked for; a note tells how.
    asked = [str(note) for note in dataset.info.get("notes", ()) if "--task " in str(note)]
    if cls.reads == "links" and asked:
        return f" {asked[0].capitalize()}."
    return f" Its targets are for {', '.join(able)}: set task.kind."


def audit(task: Task) -> AuditReport:
    """Fails when held-out information reaches what a method may read; see :meth:`Task.audit`.

    Raises:
        LeakageError: Naming what leaks and how to mend it.

    Example:
        >>> from hetgraph import load_dataset
        >>> audit(make_task(load_dataset("synthetic/academic", num_nodes=500))).checks[0]
        'train, valid and test share no node'
    """
    return task.audit()
