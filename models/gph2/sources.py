"""The source graphs whose experts a target uses."""

from __future__ import annotations

from collections.abc import Sequence

from hetgraph.catalog import Dataset
from hetgraph.catalog.loading import load_dataset
from hetgraph.errors import ConfigError
from hetgraph.models.gph2.config import GPH2Config, Preset
from hetgraph.models.gph2.store import list_experts
from hetgraph.nn import is_homogeneous
from hetgraph.tasks import Task

__all__ = ["choose_sources"]


def choose_sources(config: GPH2Config, task: Task) -> list[Dataset]:
    """Loads the sources of a target: the named ones without the target itself, filtered by preset.

    A source counts as the target if it has the same name or the same content.

    Args:
        config: ``sources`` and ``preset`` are read.
        task: The task of the target.

    Raises:
        ConfigError: If no source is left, or none of a kind that the preset needs.
    """
    known = {card.source: None for card in list_experts().values()}
    names = config.sources or tuple(known)
    loaded = [load_dataset(name) for name in names if name != task.dataset_name]
    others = [
        dataset for dataset in loaded if dataset.graph.content_hash != task.graph.content_hash
    ]
    chosen = _of_preset(others, config.preset, homogeneous=is_homogeneous(task.graph.schema))
    if not chosen:
        known_names = ", ".join(dataset.name for dataset in others) or "none"
        raise ConfigError(
            f"no source is left for {task.dataset_name} with model.preset={config.preset} "
            f"(besides the target: {known_names}); name data sets, such as "
            "--set model.sources=[planetoid/Cora], or another preset."
        )
    return chosen


def _of_preset(datasets: Sequence[Dataset], preset: Preset, *, homogeneous: bool) -> list[Dataset]:
    """Returns the sources of a preset, in the order given."""
    kinds = [is_homogeneous(dataset.graph.schema) for dataset in datasets]
    if preset == "same-kind":
        return [
            dataset for dataset, kind in zip(datasets, kinds, strict=True) if kind == homogeneous
        ]
    if preset == "mixed":
        return list(datasets)
    count = min(sum(kinds), len(kinds) - sum(kinds))
    return [
        dataset
        for number, (dataset, kind) in enumerate(zip(datasets, kinds, strict=True))
        if kinds[:number].count(kind) < count
    ]
