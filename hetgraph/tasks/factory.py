"""From a data set to the task it is customarily used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hetgraph.data.dataset import Dataset
from hetgraph.errors import DataError
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict
from hetgraph.tasks.base import Task
from hetgraph.tasks.node_classification import NodeClassification

__all__ = ["make_task"]


def make_task(
    dataset: Dataset, *, seeds: Seeds | None = None, options: Mapping[str, Any] | None = None
) -> Task:
    """Builds the task of a data set.

    Args:
        dataset: Graph, labels and splits.
        seeds: Sources of chance; ``seeds.split`` draws the validation set.
        options: Fields of the task's ``Options`` by name.

    Raises:
        ConfigError: If an option is unknown or invalid.
        DataError: If no task fits the data set.
    """
    if dataset.labels is None:
        raise DataError(
            f"{dataset.name} has no node labels; only node classification can be trained so far."
        )
    chosen = config_from_dict(NodeClassification.Options, options or {}, section="task")
    return NodeClassification(dataset, seeds or Seeds(), chosen)
