"""From a data set to the task it is customarily used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict
from hetgraph.tasks.base import Task
from hetgraph.tasks.few_shot import FewShot
from hetgraph.tasks.link_prediction import LinkPrediction
from hetgraph.tasks.node_classification import NodeClassification
from hetgraph.tasks.node_importance import NodeImportance
from hetgraph.tasks.recommendation import Recommendation

__all__ = ["make_task", "task_class"]

Family: TypeAlias = (
    type[NodeClassification]
    | type[FewShot]
    | type[NodeImportance]
    | type[Recommendation]
    | type[LinkPrediction]
)

_FAMILIES: Mapping[str, Family] = {
    "node-classification": NodeClassification,
    "few-shot": FewShot,
    "node-importance": NodeImportance,
    "recommendation": Recommendation,
    "link-prediction": LinkPrediction,
}


def task_class(family: str) -> Family:
    """Returns the task of a family such as ``"recommendation"``.

    Raises:
        ConfigError: If there is none.
    """
    if family not in _FAMILIES:
        raise ConfigError(f"unknown task {family!r}.{suggest(family, _FAMILIES)}")
    return _FAMILIES[family]


def make_task(
    dataset: Dataset,
    *,
    seeds: Seeds | None = None,
    options: Mapping[str, Any] | None = None,
    family: str = "",
) -> Task:
    """Builds the task of a data set.

    Args:
        dataset: Graph, labels and splits.
        seeds: Sources of chance; ``seeds.split`` draws the validation set, or chooses the fold.
        options: Fields of the task's ``Options`` by name.
        family: Family of the task, such as ``"few-shot"``; empty: the data set's own.

    Raises:
        ConfigError: If an option is unknown or invalid.
        DataError: If no task fits the data set.
    """
    if not dataset.task and dataset.labels is None:
        raise DataError(f"{dataset.name} has no node labels and names no other task.")
    cls = task_class(family or dataset.task or "node-classification")
    chosen = config_from_dict(cls.Options, options or {}, section="task")
    return cls(dataset, seeds or Seeds(), chosen)
