"""What a search may choose: settings by name, each with choices or a range."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hetgraph.errors import ConfigError, suggest
from hetgraph.settings import field_names, merge, parse_value
from hetgraph.train.config import TrainConfig

__all__ = ["Dimension", "SearchSpace"]

_NOT_SEARCHED = {
    "best_on_test": "a search never sees the test split",
    "device": "it changes no score",
    "devices": "a search runs in one process",
    "monitor": "trials are compared by it",
    "refit": "a search never sees the test split",
}
"""Settings of the trainer that are the same in all trials, and why."""


@dataclass(frozen=True)
class Dimension:
    """One setting and the values it may take.

    Args:
        name: The setting with its section, such as ``"train.lr"``.
        choices: The values; empty for a range.
        low: Least value of a range.
        high: Largest value of a range.
        log: Whether a range is drawn from on a logarithmic scale.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: Any = None
    high: Any = None
    log: bool = False

    def contains(self, value: Any) -> bool:
        """Whether a value can be drawn."""
        if self.choices:
            return self._place(value) is not None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and self.low <= value <= self.high

    def including(self, value: Any) -> Dimension:
        """Returns the dimension with a value added to the choices, or within the range.

        A value that a range cannot hold, such as 0 on a logarithmic scale, is left out.
        """
        if self.contains(value):
            return self
        if self.choices:
            return replace(self, choices=(value, *self.choices))
        if not isinstance(value, (int, float)) or (self.log and value <= 0):
            return self
        return replace(self, low=min(self.low, value), high=max(self.high, value))

    def suggest(self, trial: Any) -> Any:
        """Draws a value with an optuna trial."""
        if self.choices:
            labels = [_label(choice) for choice in self.choices]
            return self.choices[labels.index(trial.suggest_categorical(self.name, labels))]
        draw = trial.suggest_int if isinstance(self.low, int) else trial.suggest_float
        return draw(self.name, self.low, self.high, log=self.log)

    def stored(self, value: Any) -> Any:
        """Returns a value as optuna keeps it."""
        return _label(value) if self.choices else value

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for files."""
        if self.choices:
            return {"choices": json.loads(json.dumps(self.choices))}
        return {"low": self.low, "high": self.high, "log": self.log}

    def _place(self, value: Any) -> int | None:
        labels = [_label(choice) for choice in self.choices]
        return labels.index(_label(value)) if _label(value) in labels else None


@dataclass(frozen=True)
class SearchSpace:
    """Dimensions in their order.

    Example:
        >>> from hetgraph.registry import models
        >>> space = SearchSpace.read(models.get("mlp"), {"hidden_dim": [8, 16]})
        >>> space.dimensions
        (Dimension(name='model.hidden_dim', choices=(8, 16), low=None, high=None, log=False),)
    """

    dimensions: tuple[Dimension, ...]

    @classmethod
    def read(cls, model: Any, space: Mapping[str, Any]) -> SearchSpace:
        """Reads names of settings with a list of choices, or ``low``, ``high`` and ``log``.

        Args:
            model: The registered class of the model.
            space: By name; a name without a section is a setting of the model or, if the model has
                none of that name, of the trainer.

        Raises:
            ConfigError: Naming all names and values that are wrong.
        """
        dimensions, problems = [], []
        for name, options in space.items():
            try:
                dimensions.append(_dimension(model, str(name), options))
            except ConfigError as error:
                problems.append(str(error))
        if problems:
            raise ConfigError(" ".join(problems))
        twice = {dim.name for dim in dimensions if _count(dimensions, dim.name) > 1}
        if twice:
            raise ConfigError(f"the search space names {', '.join(sorted(twice))} twice.")
        return cls(tuple(dimensions))

    @property
    def names(self) -> tuple[str, ...]:
        """The settings that are searched, with their sections."""
        return tuple(dimension.name for dimension in self.dimensions)

    def without(self, names: Mapping[str, Any]) -> SearchSpace:
        """Returns the space without some names."""
        return SearchSpace(tuple(dim for dim in self.dimensions if dim.name not in names))

    def including(self, values: Mapping[str, Any]) -> SearchSpace:
        """Returns the space widened so that it holds these values."""
        return SearchSpace(tuple(dim.including(values[dim.name]) for dim in self.dimensions))

    def contains(self, values: Mapping[str, Any]) -> bool:
        """Whether these values, one for each name, can be drawn."""
        return all(dim.contains(values[dim.name]) for dim in self.dimensions)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Draws values by name with an optuna trial."""
        return {dim.name: dim.suggest(trial) for dim in self.dimensions}

    def stored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns values by name as optuna keeps them."""
        return {dim.name: dim.stored(values[dim.name]) for dim in self.dimensions}

    def settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns values by name as settings by section."""
        return merge(*(_nested(name, value) for name, value in values.items()))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for files."""
        return {dim.name: dim.to_dict() for dim in self.dimensions}

    def __iter__(self) -> Iterator[Dimension]:
        return iter(self.dimensions)


def _dimension(model: Any, written: str, options: Any) -> Dimension:
    section, key = _resolve(model, written)
    name = f"{section}.{key}"
    config = model.Config if section == "model" else TrainConfig

    def parsed(value: Any) -> Any:
        # Settings below a setting are checked with the whole configuration.
        return value if "." in key else parse_value(config, key, value, section)

    if isinstance(options, (list, tuple)) and options:
        return Dimension(name, choices=tuple(parsed(value) for value in options))
    if isinstance(options, Mapping) and {"low", "high"} <= options.keys() <= {"low", "high", "log"}:
        return _range(name, options, parsed)
    raise ConfigError(
        f"the search space of {written!r} is {options!r}, expected a list of values, or low and "
        "high (and log: true)."
    )


def _range(name: str, options: Mapping[str, Any], parsed: Callable[[Any], Any]) -> Dimension:
    low, high, log = parsed(options["low"]), parsed(options["high"]), bool(options.get("log"))
    numbers = [type(value) in (int, float) for value in (low, high)]
    if not all(numbers):
        raise ConfigError(f"{name} is no number, so it has no range; give a list of values.")
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    if not low < high or (log and low <= 0):
        wanted = "0 < low < high" if log else "low < high"
        raise ConfigError(f"the range of {name} is {low} to {high}, expected {wanted}.")
    return Dimension(name, low=low, high=high, log=log)


def _resolve(model: Any, written: str) -> tuple[str, str]:
    """Returns section and key of a name."""
    own, trainer = field_names(model.Config), field_names(TrainConfig)
    head, _, rest = written.partition(".")
    if head in ("task", "data", "seeds") and rest:
        raise ConfigError(
            f"{written!r} changes what is asked, so trials with other values cannot be compared; "
            "search settings of model and train, and give this one to all trials."
        )
    if head not in ("model", "train") or not rest:
        section = "train" if head in trainer and head not in own else "model"
        key = written
    else:
        section, key = head, rest
    names = own if section == "model" else trainer
    if key.partition(".")[0] not in names:
        raise ConfigError(f"unknown setting '{section}.{key}'.{suggest(key, names)}")
    if section == "train" and key in _NOT_SEARCHED:
        raise ConfigError(f"train.{key} cannot be searched: {_NOT_SEARCHED[key]}.")
    return section, key


def _nested(name: str, value: Any) -> dict[str, Any]:
    nested: Any = value
    for part in reversed(name.split(".")):
        nested = {part: nested}
    return dict(nested)


def _label(value: Any) -> Any:
    """Returns a choice as optuna takes it: lists become text."""
    return (
        value if value is None or isinstance(value, (bool, int, float, str)) else json.dumps(value)
    )


def _count(dimensions: list[Dimension], name: str) -> int:
    return sum(dimension.name == name for dimension in dimensions)
