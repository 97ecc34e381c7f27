"""What a search is about, settled and checked before the first trial."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import ConfigError
from hetgraph.io.given import Given, SplitRequest, TargetRequest, as_dataset
from hetgraph.registry import models
from hetgraph.runs.execute import load_task
from hetgraph.runs.fit import asked_by_name
from hetgraph.runs.functions import Functions
from hetgraph.runs.plan import Plan, bind_metapaths, make_plan
from hetgraph.runs.spelling import one_spelling
from hetgraph.runs.tuning.space import SearchSpace
from hetgraph.settings import config_to_dict, field_names, merge, settings_that_count
from hetgraph.tasks import Task
from hetgraph.train.config import TrainConfig

__all__ = ["Asked", "Question", "ask_question"]


@dataclass(frozen=True, eq=False)
class Asked:
    """What a user asks about a data set, whatever the model.

    Args:
        data: A graph, a data set, or a name.
        target: What is to be predicted; ``None``: what the data have.
        split: Training, validation and test; ``None``: those of the data.
        task: Family of tasks; empty: the target's own.
        settings: Values by section that all trials share.
        metapaths: Meta-paths for a model that takes some.
        functions: The user's loss and metrics.
        seed: Seed of the trainings and of the draws.
        root: Folder of the data sets.
    """

    data: Given | str
    _: KW_ONLY
    target: TargetRequest = None
    split: SplitRequest = None
    task: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    metapaths: Sequence[str] = ()
    functions: Functions = field(default_factory=Functions)
    seed: int = 0
    root: str | os.PathLike[str] | None = None


@dataclass(frozen=True)
class Question:
    """One model, one task, and what is searched.

    Args:
        base: The plan of a training without a search.
        data: The data set.
        task: The task, whose test split cannot be read.
        space: What is searched.
        start: The values of ``base`` for the names in ``space``.
        shared: Settings that the user gave to all trials, as parsed.
        given: The data set, where no name leads to it.
        functions: The user's loss and metrics.
    """

    base: Plan
    data: Dataset
    task: Task
    space: SearchSpace
    start: Mapping[str, Any]
    shared: Mapping[str, Any]
    given: Dataset | None
    functions: Functions

    @property
    def about(self) -> dict[str, Any]:
        """Plain values that tell whether two searches ask the same."""
        base = self.base
        sections: dict[str, Any] = {
            **base.settings,
            "train": settings_that_count(TrainConfig, config_to_dict(base.train)),
            "search": self.space.to_dict(),
        }
        flat = {
            f"{part}.{key}": v for part, values in sections.items() for key, v in values.items()
        }
        named = {"functions": self.functions.names} if self.functions.names else {}
        first = {"the model": base.model.name, "the content of the data set": self.data.sha256}
        return {**first, "the seed": base.seed, **flat, **named}

    def settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the shared settings with drawn values laid over them."""
        return merge(self.shared, self.space.settings(values))

    def plan(self, values: Mapping[str, Any]) -> Plan:
        """Returns the plan of a trial.

        Raises:
            UserError: If the values do not go together.
        """
        base = self.base
        settings = self.settings(values)
        plan = make_plan(
            base.model, base.dataset, seed=base.seed, settings=settings, given=self.given
        )
        plan = bind_metapaths(plan, self.data)
        # It would read the test split after every epoch; a refit waits for the last run anyway.
        return replace(plan, train=replace(plan.train, best_on_test=False))


def ask_question(model: str, asked: Asked, *, space: Mapping[str, Any] | None = None) -> Question:
    """Loads the data and settles what is searched.

    In the default space, settings that the user gave are not searched, and the values of a training
    without a search are among the choices.

    Args:
        model: Name of the model.
        asked: What is asked.
        space: What to search; ``None``: the default space of the model.

    Raises:
        UserError: If a name, a value or the data set is wrong.
    """
    cls, chosen, given = models.get(model), dict(asked.settings), None
    chosen.pop("functions", None)
    if asked.task:
        chosen = merge(chosen, {"task": {"kind": asked.task}})
    if asked.metapaths:
        if "metapaths" not in field_names(cls.Config):
            raise ConfigError(f"the model {model!r} takes no meta-paths; leave them out.")
        chosen = merge(chosen, {"model": {"metapaths": list(asked.metapaths)}})
    if isinstance(asked.data, str):
        name = asked.data
        chosen = merge(chosen, asked_by_name(name, asked.target, asked.split))
    else:
        given = as_dataset(asked.data, asked.target, asked.split, family=asked.task)
        name = given.name
    base = make_plan(cls, name, seed=asked.seed, settings=chosen, given=given)
    if base.train.devices > 1:
        raise ConfigError(f"train.devices is {base.train.devices}; a search runs in one process.")
    chosen = one_spelling(chosen, base.family)
    wanted, start = _space(cls, base, chosen, space)
    loaded, task, _ = load_task(base, given, asked.root)
    chosen.pop("dataset", None)
    return Question(
        base=base,
        data=loaded,
        task=asked.functions.apply(task).without_test(),
        space=wanted,
        start=start,
        shared=_parsed(chosen, base.settings),
        given=given,
        functions=asked.functions,
    )


def _space(
    cls: Any, base: Plan, given: Mapping[str, Any], space: Mapping[str, Any] | None
) -> tuple[SearchSpace, dict[str, Any]]:
    """Returns what is searched, and the values of a training without a search."""
    wanted = SearchSpace.read(cls, cls.search_space if space is None else space)
    fixed = {f"{part}.{key}": True for part in ("model", "train") for key in given.get(part) or ()}
    if space is None:
        wanted = wanted.without(fixed)
    elif both := [name for name in wanted.names if name in fixed]:
        raise ConfigError(f"{', '.join(both)}: both set and searched; leave one of them out.")
    if not wanted.names:
        reason = "the space is empty" if space is not None else "all of it is set"
        if space is None and not cls.search_space:
            reason = f"the model {base.model.name!r} declares no search space"
        raise ConfigError(f"there is nothing to search: {reason}; give a space.")
    start = {name: _value(base, name) for name in wanted.names}
    return (wanted.including(start) if space is None else wanted), start


def _value(base: Plan, name: str) -> Any:
    section, *keys = name.split(".")
    value = base.config if section == "model" else base.train
    for key in keys:
        value = value[key] if isinstance(value, Mapping) else getattr(value, key)
    return value


def _parsed(given: Mapping[str, Any], parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Returns given values as plain values of their types; from the command line they are text."""
    return {
        key: _parsed(value, parsed.get(key, {}))
        if isinstance(value, Mapping)
        else parsed.get(key, value)
        for key, value in given.items()
    }
