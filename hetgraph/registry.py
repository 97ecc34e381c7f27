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

__all__ = ["Registry", "collections", "columns", "models", "standins", "targets", "tasks"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes found in the modules of a package and under an entry point group.

    A module is imported only when its name is asked for; listing the names of a package costs a
    directory scan. A class belongs to the registry if it is defined in the module of its name and
    its class attribute ``name`` (or another one, see ``key``) equals it.

    Args:
        what: What the names stand for, used in messages.
        package: Package whose modules (or sub-packages) define one class each.
        group: Entry point group for other packages.
        base: ``"module:Class"`` of the base class, imported when first needed; its module has no
            name of its own.
        key: Class attribute that holds the name.
        dashes: Whether a name with dashes is that of a module with underscores. Such a package
            has modules of other kinds, too, which are no names.
    """

    def __init__(
        self,
        what: str,
        package: str,
        group: str,
        base: str,
        key: str = "name",
        *,
        dashes: bool = False,
    ) -> None:
        self.what = what
        self.key = key
        self.package = package
        self.group = group
        self._base = base
        self._dashes = dashes
        self._added: dict[str, type[T]] = {}

    def names(self) -> tuple[str, ...]:
        """Returns every name, sorted."""
        own = {name for name in self._modules() if not self._dashes or self._defines(name)}
        return tuple(sorted({*own, *self._entry_points(), *self._added}))

    def get(self, name: str) -> type[T]:
        """Returns the class of a name.

        Raises:
            ConfigError: If the name is unknown, with a suggestion.
        """
        if name in self._added:
            return self._added[name]
        if name in self._modules():
            return self._find(self._module(name), name)
        if name in (points := self._entry_points()):
            return self._checked(points[name].load(), name)
        raise ConfigError(f"unknown {self.what} {name!r}.{suggest(name, self.names())}")

    def add(self, cls: type[T], name: str | None = None) -> type[T]:
        """Registers a class by hand, for notebooks and tests; usable as a decorator."""
        key = name or str(getattr(cls, self.key))
        self._added[key] = self._checked(cls, key)
        return cls

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def _modules(self) -> set[str]:
        package = importlib.import_module(self.package)
        modules = (info.name for info in pkgutil.iter_modules(package.__path__))
        no_names = {self._base.partition(":")[0].removeprefix(f"{self.package}.")}
        names = {name for name in modules if not name.startswith("_")} - no_names
        return {name.replace("_", "-") for name in names} if self._dashes else names

    def _module(self, name: str) -> Any:
        name = name.replace("-", "_") if self._dashes else name
        return importlib.import_module(f"{self.package}.{name}")

    def _defines(self, name: str) -> bool:
        """Whether the module of a name defines its class."""
        return any(getattr(v, self.key, None) == name for v in vars(self._module(name)).values())

    def _entry_points(self) -> dict[str, EntryPoint]:
        return _installed(self.group, tuple(sys.path))

    def _base_class(self) -> type[T]:
        module, _, attribute = self._base.partition(":")
        base: type[T] = getattr(importlib.import_module(module), attribute)
        return base

    def _find(self, module: Any, name: str) -> type[T]:
        base = self._base_class()
        for value in vars(module).values():
            # Not isinstance(value, type): an alias such as list[int] may claim to be a class.
            if not issubclass(type(value), type) or not issubclass(value, base):
                continue
            if value is not base and getattr(value, self.key, None) == name:
                found: type[T] = value
                return found
        raise ConfigError(
            f"{module.__name__} defines no {base.__name__} whose `{self.key}` is {name!r}; add one."
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
    "model", "hetgraph.models", "hetgraph.models", "hetgraph.methods.registered:Registered"
)
collections: Registry[Any] = Registry(
    "data collection",
    "hetgraph.datasets",
    "hetgraph.datasets",
    "hetgraph.catalog.collection:Collection",
)
standins: Registry[Any] = Registry(
    "stand-in",
    "hetgraph.features.standins",
    "hetgraph.standins",
    "hetgraph.features.standins.base:StandInKind",
    dashes=True,
)
tasks: Registry[Any] = Registry(
    "task", "hetgraph.tasks", "hetgraph.tasks", "hetgraph.tasks.base:Task", dashes=True
)
targets: Registry[Any] = Registry(
    "kind of target",
    "hetgraph.catalog.targets",
    "hetgraph.targets",
    "hetgraph.catalog.targets.base:Target",
    key="kind",
)
columns: Registry[Any] = Registry(
    "column encoder",
    "hetgraph.features.columns",
    "hetgraph.columns",
    "hetgraph.features.columns.base:ColumnKind",
    key="kind",
    dashes=True,
)
