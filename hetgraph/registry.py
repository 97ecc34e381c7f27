"""Names to classes, without a central list: packages are scanned, other packages plug in."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from hetgraph.errors import ConfigError, suggest

__all__ = ["Registry", "collections", "models"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes found in the modules of a package and under an entry point group.

    A module is imported only when its name is asked for; listing the names of a package costs a
    directory scan. A class belongs to the registry if it is defined in the module of its name and
    its class attribute ``name`` equals it.

    Args:
        what: What the names stand for, used in messages.
        package: Package whose modules (or sub-packages) define one class each.
        group: Entry point group for other packages.
        base: ``"module:Class"`` of the base class, imported when first needed.
    """

    def __init__(self, what: str, package: str, group: str, base: str) -> None:
        self.what = what
        self.package = package
        self.group = group
        self._base = base
        self._added: dict[str, type[T]] = {}

    def names(self) -> tuple[str, ...]:
        """Returns every name, sorted."""
        return tuple(sorted({*self._modules(), *self._entry_points(), *self._added}))

    def get(self, name: str) -> type[T]:
        """Returns the class of a name.

        Raises:
            ConfigError: If the name is unknown, with a suggestion.
        """
        if name in self._added:
            return self._added[name]
        if name in self._modules():
            return self._find(importlib.import_module(f"{self.package}.{name}"), name)
        if name in (points := self._entry_points()):
            return self._checked(points[name].load(), name)
        raise ConfigError(f"unknown {self.what} {name!r}.{suggest(name, self.names())}")

    def add(self, cls: type[T], name: str | None = None) -> type[T]:
        """Registers a class by hand, for notebooks and tests; usable as a decorator."""
        key = name or str(cls.name)  # type: ignore[attr-defined]
        self._added[key] = self._checked(cls, key)
        return cls

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def _modules(self) -> set[str]:
        package = importlib.import_module(self.package)
        found = (info.name for info in pkgutil.iter_modules(package.__path__))
        return {name for name in found if not name.startswith("_")}

    def _entry_points(self) -> dict[str, EntryPoint]:
        return _installed(self.group, tuple(sys.path))

    def _base_class(self) -> type[T]:
        module, _, attribute = self._base.partition(":")
        base: type[T] = getattr(importlib.import_module(module), attribute)
        return base

    def _find(self, module: Any, name: str) -> type[T]:
        base = self._base_class()
        for value in vars(module).values():
            is_class = isinstance(value, type) and issubclass(value, base) and value is not base
            if is_class and getattr(value, "name", None) == name:
                found: type[T] = value
                return found
        raise ConfigError(
            f"{module.__name__} defines no {base.__name__} whose `name` is {name!r}; add one."
        )

    def _checked(self, cls: Any, name: str) -> type[T]:
        base = self._base_class()
        if not (isinstance(cls, type) and issubclass(cls, base)):
            raise ConfigError(
                f"{self.what} {name!r} is {cls!r}, expected a {base.__name__} subclass."
            )
        return cls


@lru_cache
def _installed(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Entry points by name; the metadata of a hundred packages are read once for a ``path``."""
    return {point.name: point for point in entry_points(group=group)}


# Base classes are named, not imported: whoever registers a class stands above this module.
models: Registry[Any] = Registry(
    "model", "hetgraph.models", "hetgraph.models", "hetgraph.methods.method:Method"
)
collections: Registry[Any] = Registry(
    "data collection",
    "hetgraph.datasets",
    "hetgraph.datasets",
    "hetgraph.catalog.collection:Collection",
)
