"""Experiment files: the settings of one method on one data set, and where they come from."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hetgraph.catalog.loading import dataset_task
from hetgraph.errors import ConfigError, suggest
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict, merge, parse_assignments
from hetgraph.tasks.base import run_family
from hetgraph.tasks.factory import task_class
from hetgraph.train.config import TrainConfig

if TYPE_CHECKING:
    from hetgraph.methods import Method

__all__ = [
    "SECTIONS",
    "Experiment",
    "experiment_files",
    "find_experiment",
    "read_experiment",
    "section_classes",
    "user_settings",
]

SECTIONS = ("model", "train", "task", "seeds", "data")
"""Parts of the settings: the method, the trainer, the protocol, chance, the data set's loader."""

_OTHERS = ("method", "dataset", "seed", "published")


@dataclass(frozen=True)
class Experiment:
    """What one experiment file holds.

    Args:
        path: The file.
        method: Model it is for; empty if the file does not say.
        dataset: Data set it is for; empty if the file does not say.
        settings: Values by section and name, as they stand in the file.
        published: Published results by part of the table, for people and leaderboards.
    """

    path: Path
    method: str = ""
    dataset: str = ""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)


def section_classes(model: type[Method], dataset: str = "") -> dict[str, type[Any] | None]:
    """Returns the configuration class of each section; ``data`` has free names.

    Args:
        model: The model.
        dataset: Name of the data set, which tells the task; node classification without it.
    """
    return {
        "model": model.Config,
        "train": TrainConfig,
        "task": task_class(run_family(dataset_task(dataset), model.tasks)).Options,
        "seeds": Seeds,
        "data": None,
    }


def experiment_files(model: type[Method]) -> tuple[Path, ...]:
    """Returns the experiment files beside the module that defines a model, sorted."""
    try:
        folder = Path(inspect.getfile(model)).resolve().parent / "experiments"
    except (OSError, TypeError):
        return ()  # Defined in a notebook or at a prompt.
    return tuple(sorted(folder.glob("*.yaml")))


def find_experiment(model: type[Method], dataset: str) -> Experiment | None:
    """Returns the experiment ``<collection>-<name>.yaml`` of a model, if it has one.

    Raises:
        ConfigError: If the file is not valid, or names another data set.
    """
    wanted = f"{dataset.replace('/', '-')}.yaml"
    for path in experiment_files(model):
        if path.name == wanted and ":" not in dataset:
            found = read_experiment(path, model)
            if found.dataset and found.dataset != dataset:
                raise ConfigError(
                    f"{path} is named after {dataset!r} but is for {found.dataset!r}."
                )
            return found
    return None


def read_experiment(path: Path, model: type[Method]) -> Experiment:
    """Reads and checks a file with the sections of :data:`SECTIONS`.

    Args:
        path: A YAML file; all its keys are optional.
        model: The model whose settings the section ``model`` holds.

    Raises:
        ConfigError: If the file cannot be read, or a name or a value in it is wrong.
    """
    content = _read_yaml(path)
    known = (*SECTIONS, *_OTHERS)
    for key in content:
        if key not in known:
            raise ConfigError(f"{path}: unknown key {key!r}.{suggest(str(key), known)}")
    settings = {section: _mapping(path, content, section) for section in SECTIONS}
    dataset = str(content.get("dataset") or "")
    for section, cls in section_classes(model, dataset).items():
        if cls is not None:
            try:
                config_from_dict(cls, settings[section], section)
            except ConfigError as error:
                raise ConfigError(f"{path}: {error}") from error
    method = str(content.get("method") or "")
    if method and method != model.name:
        raise ConfigError(f"{path} is for the model {method!r}, not for {model.name!r}.")
    return Experiment(
        path=path,
        method=method,
        dataset=dataset,
        settings={section: values for section, values in settings.items() if values},
        published=_mapping(path, content, "published"),
    )


def user_settings(
    model: type[Method],
    config: Path | None = None,
    assignments: Sequence[str] = (),
    dataset: str = "",
) -> dict[str, Any]:
    """Returns what a user asked for: a file's sections with ``key=value`` words laid over them.

    A file that names its data set yields the key ``dataset`` too.

    Raises:
        ConfigError: If a name or a value is wrong.
    """
    layers: list[Mapping[str, Any]] = []
    named = dataset
    if config is not None:
        experiment = read_experiment(config, model)
        layers.append(experiment.settings)
        if experiment.dataset:
            layers.append({"dataset": experiment.dataset})
            named = named or experiment.dataset
    return merge(*layers, parse_assignments(assignments, section_classes(model, named)))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as YAML: {reason}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold sections such as model: and train:.")
    return content


def _mapping(path: Path, content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key} is {value!r}, expected names with values below it.")
    return value
