"""Settings: frozen dataclasses built from nested dicts and ``key=value`` words."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from hetgraph.errors import ConfigError, suggest

__all__ = [
    "additive",
    "config_from_dict",
    "config_to_dict",
    "field_names",
    "get_params",
    "harmless",
    "later",
    "merge",
    "parse_assignments",
    "parse_value",
    "set_params",
    "settings_that_count",
]

T = TypeVar("T")

_LATER = "later"
_EFFECT = "effect"


def config_from_dict(cls: type[T], values: Mapping[str, Any], section: str = "") -> T:
    """Builds a configuration from values by field name.

    Strings are parsed by the type of their field, so ``"3e-3"``, ``"[64, 64]"`` and ``"null"``
    mean what they say; other values must have the type already. Fields that are dataclasses take
    a dict.

    Args:
        cls: A dataclass; its defaults fill what is not given.
        values: The values that differ from the defaults.
        section: Prefix of the names in messages, for example ``"train"``.

    Raises:
        ConfigError: If a name is unknown (with a suggestion) or a value does not fit its type.
    """
    hints = _hints(cls)
    for name in values:
        if name not in hints:
            raise ConfigError(f"unknown setting {_dotted(section, name)!r}.{suggest(name, hints)}")
    parsed = {name: _parse(hints[name], value, section, name) for name, value in values.items()}
    missing = [
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name not in parsed
    ]
    if missing:
        raise ConfigError(f"setting {_dotted(section, missing[0])!r} has no default; give a value.")
    return cls(**parsed)


def config_to_dict(config: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass as values that JSON and YAML can hold.

    Those of :func:`later` are left out where they have their default.
    """
    return {
        setting.name: _plain(value)
        for setting in dataclasses.fields(config)
        if (value := getattr(config, setting.name)) != setting.default
        or not setting.metadata.get(_LATER)
    }


def later(default: Any) -> Any:
    """Returns the default of a setting that came after the first records.

    At its default it changes nothing and is left out of the settings of a run, so that runs of
    before keep their settings: they can be resumed, and stay in one group with those of today.
    """
    return dataclasses.field(default=default, metadata={_LATER: True})


def harmless(default: Any) -> Any:
    """Returns the default of a setting that changes no number, such as how often to save.

    Runs that differ in it alone are the same run: one can be resumed as the other.
    """
    return dataclasses.field(default=default, metadata={_EFFECT: "none"})


def additive(default: Any) -> Any:
    """Returns the default of a setting that adds numbers to a result and changes none.

    A run is resumed with the same value only, as numbers of the past cannot be added later;
    the numbers of two results that differ in it alone may be compared.
    """
    return dataclasses.field(default=default, metadata={_EFFECT: "adds"})


def settings_that_count(
    cls: type[Any], values: Mapping[str, Any], *, with_additive: bool = True
) -> dict[str, Any]:
    """Returns the values that tell two runs apart: those that are not marked :func:`harmless`.

    Args:
        cls: The dataclass that the values are for.
        values: Values by field name, as :func:`config_to_dict` returns them. Names that the class
            does not have are kept: a record may be older than the class.
        with_additive: Whether those marked :func:`additive` count: yes to resume a run, no to
            compare results.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Config:
        ...     lr: float = 0.1
        ...     save_every: int = harmless(10)
        >>> settings_that_count(Config, {"lr": 0.2, "save_every": 5})
        {'lr': 0.2}
    """
    marks = {setting.name: setting.metadata.get(_EFFECT) for setting in dataclasses.fields(cls)}
    left_out = ("none",) if with_additive else ("none", "adds")
    return {name: value for name, value in values.items() if marks.get(name) not in left_out}


def get_params(config: Any) -> dict[str, Any]:
    """Returns the values of a configuration by name, as ``get_params`` of scikit-learn does.

    Args:
        config: A configuration, such as ``TrainConfig()`` or the ``Config`` of a model. Values
            that are configurations themselves are values of this one, not listed one by one.

    Example:
        >>> from hetgraph.train import TrainConfig
        >>> get_params(TrainConfig(lr=0.01))["lr"]
        0.01
    """
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.init
    }


def set_params(config: T, **changes: Any) -> T:
    """Returns a configuration with other values; the given one is frozen and stays as it is.

    Args:
        config: A configuration.
        **changes: Values by name; a text is parsed by the type of its field, ``lr="3e-3"``.

    Raises:
        ConfigError: If a name is unknown or a value does not fit its type.

    Example:
        >>> from hetgraph.train import TrainConfig
        >>> set_params(TrainConfig(), lr="3e-3", max_epochs=50).lr
        0.003
    """
    return config_from_dict(type(config), {**get_params(config), **changes})


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Returns the names of the settings of a dataclass."""
    return tuple(_hints(cls))


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns nested dicts laid over each other; what comes later wins, dicts are joined."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping):
                below = result.get(key)
                result[key] = merge(below if isinstance(below, Mapping) else {}, value)
            else:
                result[key] = value
    return result


def parse_assignments(
    words: Sequence[str], sections: Mapping[str, type[Any] | None]
) -> dict[str, dict[str, Any]]:
    """Reads ``key=value`` words into nested settings; the values stay strings.

    Args:
        words: For example ``["train.lr=1e-3", "dropout=0.5"]``. A name without a section goes to
            the only section that has it.
        sections: The configuration class of each section; ``None`` for one of free names, which
            must then be written out.

    Returns:
        ``{section: {name: value}}``, ready for :func:`merge` and :func:`config_from_dict`.

    Raises:
        ConfigError: If a word has no ``=``, or its name is unknown or in several sections.
    """
    result: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"cannot read the setting {word!r}; write key=value.")
        path = _resolve(key.strip(), sections)
        nested: dict[str, Any] = {path[-1]: value.strip()}
        for part in reversed(path[:-1]):
            nested = {part: nested}
        result = merge(result, nested)
    return result


def parse_value(cls: type[Any], name: str, value: Any, section: str = "") -> Any:
    """Returns a value as the type of a field asks for, as :func:`config_from_dict` does.

    Args:
        cls: A dataclass.
        name: Name of one of its fields.
        value: The value, or its text.
        section: Prefix of the name in messages.

    Raises:
        ConfigError: If the name is unknown, or the value does not fit.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Config:
        ...     lr: float = 0.1
        >>> parse_value(Config, "lr", "1e-3")
        0.001
    """
    hints = _hints(cls)
    if name not in hints:
        raise ConfigError(f"unknown setting {_dotted(section, name)!r}.{suggest(name, hints)}")
    return _parse(hints[name], value, section, name)


def _resolve(key: str, sections: Mapping[str, type[Any] | None]) -> list[str]:
    """Returns the section and the name (and the names below it) of a key."""
    head, *rest = key.split(".")
    if head in sections and rest:
        cls = sections[head]
        if cls is not None and rest[0] not in (names := field_names(cls)):
            raise ConfigError(f"unknown setting {key!r}.{suggest(rest[0], names)}")
        return [head, *rest]
    homes = [name for name, cls in sections.items() if cls is not None and head in field_names(cls)]
    if len(homes) == 1:
        return [homes[0], head, *rest]
    if homes:
        options = " or ".join(f"{home}.{key}" for home in homes)
        raise ConfigError(f"the setting {key!r} is ambiguous; write {options}.")
    raise ConfigError(f"unknown setting {key!r}.{suggest(key, _all_names(sections))}")


def _all_names(sections: Mapping[str, type[Any] | None]) -> Iterable[str]:
    for section, cls in sections.items():
        for name in field_names(cls) if cls is not None else ():
            yield name
            yield f"{section}.{name}"


def _hints(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def _parse(hint: Any, value: Any, section: str, name: str) -> Any:
    """Returns ``value`` as the type ``hint`` asks for."""
    where = _dotted(section, name)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} is {value!r}, expected a section of settings.")
        return config_from_dict(hint, value, where)
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    optional = type(None) in options or hint is Any
    if isinstance(value, str) and optional and value.lower() in ("none", "null"):
        return None
    if value is None and optional:
        return None
    if isinstance(value, str) and _is_sequence(options) and value not in _choices(options):
        value = value if value.lstrip().startswith("[") else f"[{value}]"
    return _convert(hint, value, where)


def _convert(hint: Any, value: Any, where: str) -> Any:
    from jsonargparse import ArgumentError

    if value is not None:
        try:
            return _parser(hint, str(hint)).parse_object({"value": value}).value
        except (ArgumentError, TypeError, ValueError):
            pass
    raise ConfigError(f"{where} is {value!r}, expected {_words(hint)}.") from None


@lru_cache
def _parser(hint: Any, written: str) -> Any:
    """A parser of values of one type; to make one takes longer than to use it.

    ``int | float`` equals ``float | int``, but the first that fits is taken: ``written`` differs.
    """
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    return parser


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _is_sequence(options: Iterable[Any]) -> bool:
    origins = {typing.get_origin(option) or option for option in options}
    return bool(origins & {tuple, list}) and str not in origins


def _choices(options: Iterable[Any]) -> list[Any]:
    """The words among the types of a union, such as ``"balanced"`` beside a list of numbers."""
    literals = (option for option in options if typing.get_origin(option) is Literal)
    return [choice for literal in literals for choice in typing.get_args(literal)]


def _words(hint: Any) -> str:
    """Returns a type as a user reads it: ``one of 'adam', 'sgd' or null``."""
    if _is_union(hint):
        return " or ".join(_words(option) for option in typing.get_args(hint))
    if hint is type(None):
        return "null"
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(repr(value) for value in typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "one of " + ", ".join(hint.__members__)
    plain = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if isinstance(hint, type) and hint in plain:
        return plain[hint]
    return getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return config_to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.name
    return str(value) if isinstance(value, Path) else value


def _dotted(section: str, name: str) -> str:
    return f"{section}.{name}" if section else name
