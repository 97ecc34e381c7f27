"""What a run will do, settled before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import yaml

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.loading import COMPUTED, dataset_task
from hetgraph.errors import ConfigError, suggest
from hetgraph.metapaths.requests import bind_requests
from hetgraph.runs.experiment import (
    SECTIONS,
    find_experiment,
    section_classes,
    target_name,
    task_kind,
)
from hetgraph.runs.spelling import one_spelling
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict, config_to_dict, field_names, merge
from hetgraph.tasks.factory import task_class
from hetgraph.train.config import TrainConfig

if TYPE_CHECKING:
    from hetgraph.methods import Registered

__all__ = ["Plan", "bind_metapaths", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """A run's choices, checked.

    Args:
        model: The method.
        dataset: Name of the data set.
        family: Family of the task.
        seed: The seed of the run.
        config: The method's configuration.
        train: The trainer's configuration.
        task: Options of the task.
        seeds: Seeds by source.
        data: Options of the data set's loader.
        notes: Sentences about what was asked for and is done otherwise.
        experiment: Whether the experiment file of the pair was asked for.
    """

    model: type[Registered]
    dataset: str
    family: str
    seed: int
    config: Any
    train: TrainConfig
    task: Any
    seeds: Seeds
    data: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    experiment: bool = True

    @property
    def own_seeds(self) -> dict[str, int]:
        """Returns the seeds that were set apart from the seed of the run."""
        return {name: seed for name, seed in self.seeds.to_dict().items() if seed != self.seed}

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Returns every setting by section, as plain values."""
        return {
            "model": config_to_dict(self.config),
            "train": config_to_dict(self.train),
            "task": config_to_dict(self.task),
            "seeds": self.seeds.to_dict(),
            "data": dict(self.data),
        }


def make_plan(
    model: type[Registered],
    dataset: str,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    metapaths: Sequence[str] = (),
    given: Dataset | None = None,
    experiment: bool = True,
) -> Plan:
    """Lays the settings over each other: defaults, the method's own, experiment file, the user's.

    Defaults are those of the classes; the monitor is the one that is usual for the task. The
    method's own are :attr:`~hetgraph.methods.Registered.train_defaults` and, on a data set that it
    has no experiment file for, :attr:`~hetgraph.methods.Registered.standins`.

    Args:
        model: The method.
        dataset: Name of the data set.
        seed: The seed of the run.
        settings: The user's settings by section.
        metapaths: Meta-paths of the user's.
        given: The data set itself, where it is no file that the name leads to.
        experiment: Whether the experiment file of the pair is read, if there is one; without it
            the run has the defaults that a graph has which nobody tuned.

    Raises:
        ConfigError: If a name or a value is wrong, the model takes no meta-paths, or it is for
            other tasks.
    """
    chosen = dict(settings or {})
    named = chosen.pop("dataset", None)
    if named is not None and named != dataset:
        raise ConfigError(
            f"the settings are for the data set {named!r}, but this run is on {dataset!r}; "
            "give the same one in both places."
        )
    for section in chosen:
        if section not in SECTIONS:
            hint = suggest(str(section), SECTIONS)
            raise ConfigError(f"unknown section of settings {section!r}.{hint}")
    asked = target_name(chosen)
    of_dataset = given.family if given is not None else dataset_task(dataset, target=asked)
    family = model.family_on(of_dataset, task_kind(chosen))
    if of_dataset:
        model.check_family(family, dataset)
    chosen = one_spelling(chosen, family)
    usual = _usual(family, given)
    read = experiment and given is None
    published = _of_experiment(model, dataset, family) if read else None
    own = _of_method(model, family, tuned=published is not None)
    skipped = {} if experiment else _without_file(model, dataset)
    merged = merge(usual, own, skipped, published or {}, chosen)
    if metapaths:
        if "metapaths" not in field_names(model.Config):
            raise ConfigError(f"the model {model.name!r} takes no meta-paths; leave them out.")
        merged = merge(merged, {"model": {"metapaths": list(metapaths)}})
    classes = section_classes(model, dataset, family, asked)
    built = {
        name: config_from_dict(cls, merged.get(name, {}), name)
        for name, cls in classes.items()
        if cls is not None and name != "seeds"
    }
    own_seeds = merged.get("seeds", {})
    seeds = config_from_dict(Seeds, {**Seeds.from_seed(seed).to_dict(), **own_seeds}, "seeds")
    data = {name: _scalar(value) for name, value in merged.get("data", {}).items()}
    return Plan(
        model=model,
        dataset=dataset,
        family=family,
        seed=seed,
        config=built["model"],
        train=built["train"],
        task=built["task"],
        seeds=seeds,
        data=data,
        experiment=experiment,
    )


def _of_method(model: type[Registered], family: str, *, tuned: bool) -> dict[str, Any]:
    """Returns the method's own defaults.

    An experiment file was tuned with the stand-ins that it names, or with none.
    """
    standins = "" if tuned else model.standins_in(family)
    data = {"standins": standins} if standins else {}
    own = {} if tuned else model.model_defaults
    return {"model": own, "train": model.train_defaults_in(family), "data": data}


def _usual(family: str, given: Dataset | None) -> dict[str, Any]:
    """Returns the monitor of a family, and task options that data given in Python ask for."""
    known = field_names(task_class(family).Options)
    suited = {} if given is None else given.info.get("task_defaults", {})
    return {
        "train": {"monitor": task_class(family).default_monitor},
        "task": {name: value for name, value in suited.items() if name in known},
    }


def _without_file(model: type[Registered], dataset: str) -> dict[str, Any]:
    """Returns a null for each computed feature of a file that is left out.

    So the record of the run says it, and opening the run again does not bring them back.
    """
    experiment = find_experiment(model, dataset)
    asked = experiment.settings.get("data", {}) if experiment else {}
    return {"data": {name: None for name in COMPUTED if name in asked and name != "standins"}}


def _of_experiment(model: type[Registered], dataset: str, family: str) -> Mapping[str, Any] | None:
    """Returns the settings of the experiment file of a pair; ``None`` without a file.

    Its protocol and its monitor are left out where another family of tasks is asked for than it is
    about: they would be of another task.
    """
    experiment = find_experiment(model, dataset)
    if experiment is None:
        return None
    about = model.family_on(dataset_task(dataset), task_kind(experiment.settings))
    if about == family:
        return experiment.settings
    kept = {name: values for name, values in experiment.settings.items() if name != "task"}
    train = {k: value for k, value in kept.get("train", {}).items() if k != "monitor"}
    return {**kept, "train": train}


def bind_metapaths(plan: Plan, dataset: Dataset) -> Plan:
    """Puts the meta-paths into the configuration of a model that takes some.

    Without a request the default meta-paths of the data set are taken, unless the field's metadata
    say ``use_defaults=False``: such a model then finds its own. Names and files are replaced by
    texts, which the record of the run then holds; only names of functions stay. Equal paths are
    merged, with a note.

    Raises:
        MetaPathError: If a request is neither known nor a path of the graph, or a name is given to
            two paths.
    """
    if "metapaths" not in field_names(plan.model.Config):
        return plan
    requested: tuple[str, ...] = tuple(plan.config.metapaths or ())
    if not requested and not _takes_defaults(plan.model.Config):
        return plan
    bound = bind_requests(dataset.graph, dataset.name, requested, declared=dataset.metapaths)
    config = replace(plan.config, metapaths=bound.requests)
    return replace(plan, config=config, notes=(*plan.notes, *bound.notes))


def _takes_defaults(config: type[Any]) -> bool:
    """Whether a model without requested meta-paths takes those of the data set."""
    setting = next(field for field in fields(config) if field.name == "metapaths")
    return bool(setting.metadata.get("use_defaults", True))


def _scalar(value: Any) -> Any:
    """Returns what a word of the command line stands for: a number, a list, text."""
    if not isinstance(value, str):
        return value
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    if isinstance(parsed, str):
        try:
            return float(parsed)  # YAML takes 1e-3, without a dot, for text.
        except ValueError:
            return parsed
    return parsed
