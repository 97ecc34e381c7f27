"""Experiment files: the settings of one method on one data set, and where they come from."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hetgraph.catalog.loading import dataset_task
from hetgraph.errors import ConfigError
from hetgraph.renamed import current_settings
from hetgraph.runs.spelling import one_spelling, one_spelling_in_words
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict, merge, parse_assignments
from hetgraph.tasks.factory import task_class
from hetgraph.train.config import TrainConfig
from hetgraph.yamlfile import checked, read_yaml

if TYPE_CHECKING:
    from hetgraph.methods import Registered

__all__ = [
    "SECTIONS",
    "Experiment",
    "experiment_files",
    "find_experiment",
    "read_experiment",
    "section_classes",
    "target_name",
    "task_kind",
    "user_settings",
]

SECTIONS = ("model", "train", "task", "seeds", "data")
"""Sections of the settings: method, trainer, protocol, randomness, the data set's loader."""

_KIND = ("kind=", "task.kind=")
_TARGET = ("data.target=",)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of an experiment file; the sections are those of :data:`SECTIONS`."""

    model: dict[str, Any] | None = None
    train: dict[str, Any] | None = None
    task: dict[str, Any] | None = None
    seeds: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    method: str | None = None
    dataset: str | None = None
    seed: int | None = None
    published: dict[str, Any] | None = None
    functions: dict[str, Any] | None = None


@dataclass(frozen=True)
class Experiment:
    """What one experiment file holds.

    Args:
        path: The file.
        method: Model it is for; empty if the file does not say.
        dataset: Data set it is for; empty if the file does not say.
        settings: Values by section and name, as they stand in the file.
        published: Published results by metric, for people and leaderboards.
        functions: Names of the Python functions of the run that wrote the file.
    """

    path: Path
    method: str = ""
    dataset: str = ""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)
    functions: Mapping[str, Any] = field(default_factory=dict)


def task_kind(settings: Mapping[str, Any]) -> str:
    """Returns the family of tasks that settings ask for; empty if they do not.

    Example:
        >>> task_kind({"task": {"kind": "node-regression"}})
        'node-regression'
    """
    return str((settings.get("task") or {}).get("kind") or "")


def target_name(settings: Mapping[str, Any]) -> str:
    """Returns the name of the target that settings ask for; empty if they do not.

    Example:
        >>> target_name({"data": {"target": "buys"}})
        'buys'
    """
    return str((settings.get("data") or {}).get("target") or "")


def section_classes(
    model: type[Registered], dataset: str = "", kind: str = "", target: str = ""
) -> dict[str, type[Any] | None]:
    """Returns the configuration class of each section; ``data`` has free names.

    Args:
        model: The model.
        dataset: Name of the data set, which tells the task; node classification without it.
        kind: Family of the task that is asked for, if one is.
        target: Name of the target that is asked for, if one is.
    """
    family = _family(model, dataset, kind, target)
    return {
        "model": model.Config,
        "train": TrainConfig,
        "task": task_class(family).Options,
        "seeds": Seeds,
        "data": None,
    }


def _family(model: type[Registered], dataset: str, kind: str, target: str) -> str:
    return model.family_on(dataset_task(dataset, target=target), kind)


def experiment_files(model: type[Registered]) -> tuple[Path, ...]:
    """Returns the experiment files beside the module that defines a model, sorted."""
    try:
        folder = Path(inspect.getfile(model)).resolve().parent / "experiments"
    except (OSError, TypeError):
        return ()  # Defined in a notebook or at a prompt.
    return tuple(sorted(folder.glob("*.yaml")))


def find_experiment(model: type[Registered], dataset: str) -> Experiment | None:
    """Returns the experiment ``<collection>-<name>.yaml`` of a model, if it has one.

    Raises:
        ConfigError: If the file is not valid, or names another data set.
    """
    wanted = f"{dataset.replace('/', '-')}.yaml"
    for path in experiment_files(model):
        if path.name == wanted and ":" not in dataset:
            experiment = read_experiment(path, model)
            if experiment.dataset and experiment.dataset != dataset:
                raise ConfigError(
                    f"{path} is named after {dataset!r} but is for {experiment.dataset!r}."
                )
            return experiment
    return None


def read_experiment(path: Path, model: type[Registered]) -> Experiment:
    """Reads and checks a file with the sections of :data:`SECTIONS`.

    Args:
        path: A YAML file; all its keys are optional.
        model: The model whose settings the section ``model`` holds.

    Raises:
        ConfigError: If the file cannot be read, or a name or a value in it is wrong.
    """
    content = current_settings(_read_yaml(path), model.name)
    file = checked(content, _File, path, ConfigError)
    settings = {section: getattr(file, section) or {} for section in SECTIONS}
    dataset = file.dataset or ""
    kind, target = task_kind(settings), target_name(settings)
    classes = section_classes(model, dataset, kind, target)
    try:
        settings = one_spelling(settings, _family(model, dataset, kind, target))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    for section, cls in classes.items():
        if cls is not None:
            try:
                config_from_dict(cls, settings.get(section) or {}, section)
            except ConfigError as error:
                raise ConfigError(f"{path}: {error}") from error
    method = file.method or ""
    if method and method != model.name:
        raise ConfigError(f"{path} is for the model {method!r}, not for {model.name!r}.")
    return Experiment(
        path=path,
        method=method,
        dataset=dataset,
        settings={section: values for section, values in settings.items() if values},
        published=file.published or {},
        functions=file.functions or {},
    )


def user_settings(
    model: type[Registered],
    config: Path | None = None,
    assignments: Sequence[str] = (),
    dataset: str = "",
) -> dict[str, Any]:
    """Returns what a user asked for: a file's sections with ``key=value`` words laid over them.

    A file that names its data set yields the key ``dataset`` too, and one that names functions
    the key ``functions``.

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
        if experiment.functions:
            layers.append({"functions": experiment.functions})
    merged = merge(*layers)
    kind = _asked(assignments, _KIND) or task_kind(merged)
    target = _asked(assignments, _TARGET) or target_name(merged)
    classes = section_classes(model, named, kind, target)
    words = one_spelling_in_words(assignments, _family(model, named, kind, target))
    return merge(*layers, parse_assignments(words, classes))


def _asked(assignments: Sequence[str], keys: tuple[str, ...]) -> str:
    """Returns the last value that is assigned to a key; empty if none is."""
    values = [word.partition("=")[2].strip() for word in assignments if word.startswith(keys)]
    return values[-1] if values else ""


def _read_yaml(path: Path) -> dict[str, Any]:
    content = read_yaml(path, ConfigError)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold sections such as model: and train:.")
    return content
