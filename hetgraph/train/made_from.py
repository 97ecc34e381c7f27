"""What a fit is made from, name by name, so that only the same fit is resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from hetgraph.catalog.digest import update_digest
from hetgraph.errors import ConfigError
from hetgraph.methods import Method
from hetgraph.renamed import current_names
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict, settings_that_count
from hetgraph.tasks.base import Task
from hetgraph.train.config import TrainConfig

__all__ = ["check_same", "made_from", "task_sha256"]


def made_from(
    model: Method, task: Task, config: TrainConfig, seeds: Seeds, processes: int
) -> dict[str, Any]:
    """Returns plain values by dotted name; two fits with equal ones compute the same."""
    sections = {
        "model": config_to_dict(model.config),
        "train": settings_that_count(TrainConfig, config_to_dict(config)),
        "seeds": seeds.to_dict(),
    }
    settings = {
        f"{section}.{name}": value
        for section, values in sections.items()
        for name, value in values.items()
    }
    return {
        "the sha256 of the graph": task.graph.content_hash,
        **settings,
        "the task (its labels or its split)": task_sha256(task),
        "the number of processes": processes,
    }


def check_same(saved: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Compares what a run to resume was made from with what is running now, name by name.

    Raises:
        ConfigError: Naming the first difference and the ways out.
    """
    saved = current_names(saved, str(saved.get("model", saved.get("method", ""))))
    for name in (*current, *(key for key in saved if key not in current)):
        before, now = saved.get(name), current.get(name)
        if before != now:
            raise ConfigError(
                f"cannot resume: {name} was {_brief(before)} and is now {_brief(now)}; "
                "use the same settings, or start in another folder."
            )


def task_sha256(task: Task) -> str:
    """Returns the sha256 of the readable labels and the splits of a task."""
    digest = hashlib.sha256(repr(task.spec).encode())
    update_digest(digest, task.labels, task.index("train"), task.index("valid"))
    return digest.hexdigest()


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
