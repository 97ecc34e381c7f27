"""Other names of settings, which users of other libraries look for: the one table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hetgraph.errors import ConfigError
from hetgraph.settings import field_names
from hetgraph.tasks.factory import task_class

__all__ = ["one_spelling", "one_spelling_in_words"]

_WEIGHTS = "task.class_weights"
_OTHER = ("train.class_weights", "train.class_weight", "task.class_weight")
_BARE = ("class_weight",)
"""Without a section, on the command line."""


def one_spelling(settings: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Returns settings in which the weights of classes are called ``task.class_weights``.

    They may be given as ``train.class_weights`` or ``class_weight``, too.

    Args:
        settings: Values by section and name.
        family: Name of the family of tasks.

    Raises:
        ConfigError: If two names are given with different values, or the family takes no weights.

    Example:
        >>> settings = {"train": {"lr": 0.1, "class_weight": "balanced"}}
        >>> one_spelling(settings, "node-classification")
        {'train': {'lr': 0.1}, 'task': {'class_weights': 'balanced'}}
    """
    result = {
        name: dict(values) if isinstance(values, Mapping) else values
        for name, values in settings.items()
    }
    given: dict[str, Any] = {}
    for name in (_WEIGHTS, *_OTHER):
        section, _, key = name.partition(".")
        if isinstance(result.get(section), dict) and key in result[section]:
            given[name] = result[section].pop(key)
            if not result[section]:
                del result[section]
    if given:
        value = _agreed(given)
        _check_classes(next(iter(given)), family)
        result["task"] = {**(result.get("task") or {}), "class_weights": value}
    return result


def one_spelling_in_words(words: Sequence[str], family: str) -> list[str]:
    """Returns ``key=value`` words with the names of :func:`one_spelling`.

    Raises:
        ConfigError: As for :func:`one_spelling`.

    Example:
        >>> words = ["lr=0.1", "train.class_weight=balanced"]
        >>> one_spelling_in_words(words, "node-classification")
        ['lr=0.1', 'task.class_weights=balanced']
    """
    result, given = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        name = key.strip()
        if equals and name in (*_OTHER, *_BARE):
            _check_classes(name, family)
            word = f"{_WEIGHTS}={value}"
        if equals and name in (_WEIGHTS, "class_weights", *_OTHER, *_BARE):
            given[name] = value.strip()
        result.append(word)
    if given:
        _agreed(given)
    return result


def _agreed(given: Mapping[str, Any]) -> Any:
    """Returns the value of all names."""
    (name, value), *others = given.items()
    for other, its in others:
        if its != value and not _equal_lists(its, value):
            raise ConfigError(
                f"the weights of the classes are given twice: {name} is {value!r} and {other} is "
                f"{its!r}; leave out one of them."
            )
    return value


def _equal_lists(left: Any, right: Any) -> bool:
    lists = (list, tuple)
    return isinstance(left, lists) and isinstance(right, lists) and list(left) == list(right)


def _check_classes(name: str, family: str) -> None:
    if "class_weights" not in field_names(task_class(family).Options):
        raise ConfigError(
            f"{name} weighs the classes in the loss, but {family} takes no such weights; "
            "leave it out."
        )
