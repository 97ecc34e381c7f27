"""Settings that have another name or value today: the one table that keeps older files valid.

Records of leaderboards, ``config.yaml`` and ``result.json`` of runs, checkpoints and experiment
files may have been written before a setting was renamed. Whoever reads one of them passes the
settings through :func:`current_settings` (or :func:`current_names` for dotted names), so that a run
keeps its identity: the same hash, the same group of records, and it can be resumed.

To rename a setting, rename the field and add one :class:`Renamed` to :data:`RENAMED`. Entries are
never removed and are applied in order, so a setting may be renamed twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hetgraph.errors import ConfigError

__all__ = ["RENAMED", "Renamed", "current_names", "current_settings"]


@dataclass(frozen=True)
class Renamed:
    """A setting that was renamed, moved to another section, or whose values were renamed.

    Args:
        old: Its dotted name before, such as ``"model.hidden"``.
        new: Its dotted name today; equal to ``old`` where only values changed.
        methods: Names of the methods it applies to; empty means all. A section ``model`` has
            other settings in each method.
        values: Old value to new value, for values that have another spelling today.
    """

    old: str
    new: str
    methods: tuple[str, ...] = ()
    values: Mapping[Any, Any] = field(default_factory=dict)

    def applies_to(self, method: str) -> bool:
        """Whether the settings of a method are affected; without a name only general ones are."""
        return not self.methods or method in self.methods

    def value(self, value: Any) -> Any:
        """Returns today's spelling of a value."""
        try:
            return self.values.get(value, value)
        except TypeError:  # A list has no spelling of its own.
            return value


RENAMED: tuple[Renamed, ...] = ()
"""Every setting that was renamed, oldest first."""


def current_settings(settings: Mapping[str, Any], method: str = "") -> dict[str, Any]:
    """Returns nested settings under the names and values of today.

    Args:
        settings: Values by section and name; further keys are kept as they are.
        method: Name of the method that the settings belong to.

    Raises:
        ConfigError: If a setting is given under both names.

    Example:
        >>> current_settings({"model": {"dropout": 0.5}}, "mlp")
        {'model': {'dropout': 0.5}}
    """
    result = _copy(settings)
    for entry in RENAMED:
        if entry.applies_to(method):
            _apply(entry, result)
    return result


def current_names(values: Mapping[str, Any], method: str = "") -> dict[str, Any]:
    """Returns settings by dotted name, such as ``{"train.lr": 0.1}``, under the names of today.

    Args:
        values: Values by dotted name; further keys are kept as they are.
        method: Name of the method that the settings belong to.

    Raises:
        ConfigError: If a setting is given under both names.

    Example:
        >>> current_names({"train.lr": 0.1, "dataset": "hgb/ACM"})
        {'train.lr': 0.1, 'dataset': 'hgb/ACM'}
    """
    result = dict(values)
    for entry in RENAMED:
        if entry.applies_to(method) and entry.old in result:
            value = entry.value(result.pop(entry.old))
            if entry.new in result:
                raise _given_twice(entry)
            result[entry.new] = value
    return result


def _apply(entry: Renamed, settings: dict[str, Any]) -> None:
    *old_sections, old_name = entry.old.split(".")
    home = settings
    for section in old_sections:
        below = home.get(section)
        if not isinstance(below, dict):
            return
        home = below
    if old_name not in home:
        return
    value = entry.value(home.pop(old_name))
    *new_sections, new_name = entry.new.split(".")
    home = settings
    for section in new_sections:
        home = home.setdefault(section, {})
    if new_name in home:
        raise _given_twice(entry)
    home[new_name] = value


def _given_twice(entry: Renamed) -> ConfigError:
    return ConfigError(
        f"the setting {entry.new!r} is given twice: {entry.old!r} is its older name; "
        "leave out the older one."
    )


def _copy(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose mappings may be changed; other values are shared."""
    return {
        key: _copy(value) if isinstance(value, Mapping) else value
        for key, value in settings.items()
    }
