"""Which graphs give their experts to a target."""

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
    """Loads the sources of a target: those named, less the target itself, as the preset says.

    A source is the target if it has its name or its content.

    Args:
        config: Its ``sources`` and ``preset``.
        task: What the experts are for.

    Raises:
        ConfigError: If no source is left, or none of a kind that the preset needs.
    """
    known = {card.source: None for card in list_experts().values()}
    names = config.sources or tuple(known)
    found = [load_dataset(name) for name in names if name != task.dataset_name]
    others = [one for one in found if one.graph.content_hash != task.graph.content_hash]
    chosen = _of_preset(others, config.preset, homogeneous=is_homogeneous(task.graph.schema))
    if not chosen:
        known_names = ", ".join(one.name for one in others) or "none"
        raise ConfigError(
            f"no source is left for {task.dataset_name} with model.preset={config.preset} "
            f"(besides the target: {known_names}); name data sets, such as "
            "--set model.sources=[planetoid/Cora], or another preset."
        )
    return chosen


def _of_preset(found: Sequence[Dataset], preset: Preset, *, homogeneous: bool) -> list[Dataset]:
    """The sources of a preset, in the order given."""
    kinds = [is_homogeneous(one.graph.schema) for one in found]
    if preset == "same-kind":
        return [one for one, kind in zip(found, kinds, strict=True) if kind == homogeneous]
    if preset == "mixed":
        return list(found)
    count = min(sum(kinds), len(kinds) - sum(kinds))
    return [
        one
        for place, (one, kind) in enumerate(zip(found, kinds, strict=True))
        if kinds[:place].count(kind) < count
    ]
