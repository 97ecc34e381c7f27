"""Commands that are not part of the core: found without importing what they run.

Leaderboards, benchmarks and the package of a method may hold a ``cli.py`` with
``add_command(commands)``; another package names its own in the entry point group
``hetgraph.commands``. Such a module is loaded whenever a parser is built, so it imports heavy
packages inside its functions, as the modules of this package do.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from types import ModuleType

from hetgraph._checkout import FOLDERS
from hetgraph.cli.parser import Commands
from hetgraph.registry import models

__all__ = ["GROUP", "add_plugins"]

GROUP = "hetgraph.commands"
"""Entry point group; a point is ``"module"`` with ``add_command``, or ``"module:function"``."""

_FUNCTION = "add_command"


def add_plugins(commands: Commands) -> list[str]:
    """Adds the commands of the folders on top of the core, of methods and of other packages.

    Args:
        commands: The sub-parsers; a module that fails leaves no trace in them.

    Returns:
        One line per module that cannot be used: its owner and the reason.
    """
    failures = []
    for owner, module, function in (*_of_folders(), *_of_methods(), *_of_packages()):
        before = set(commands.choices)
        try:
            add: Callable[[Commands], None] = getattr(_load(module), function)
            add(commands)
        except (Exception, SystemExit) as error:  # it must not break the other commands
            _forget(commands, before)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            failures.append(f"the command of {owner} cannot be used ({module}: {reason})")
    return failures


def _of_folders() -> Iterator[tuple[str, str, str]]:
    """Yields folder, module and function of each folder on top of the core with a ``cli.py``."""
    for folder in FOLDERS:
        module = f"hetgraph.{folder}.cli"
        if _find(module) is not None:
            yield folder, module, _FUNCTION


def _of_methods() -> Iterator[tuple[str, str, str]]:
    """Yields method, module and function of each method's package that holds a ``cli.py``."""
    package = importlib.import_module(models.package)
    for info in pkgutil.iter_modules(package.__path__):
        module = f"{models.package}.{info.name}.cli"
        if info.ispkg and not info.name.startswith("_") and _find(module) is not None:
            yield info.name, module, _FUNCTION


def _of_packages() -> Iterator[tuple[str, str, str]]:
    """Yields the name of each entry point, its module and its function."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        module, _, function = point.value.partition(":")
        yield point.name, module.strip(), function.strip() or _FUNCTION


def _find(module: str) -> ModuleSpec | None:
    """Returns where a module is, without importing the packages that contain it."""
    package = module.rpartition(".")[0]
    if not package or package in sys.modules:
        return importlib.util.find_spec(module)
    spec = _find(package)
    locations = None if spec is None else spec.submodule_search_locations
    return None if locations is None else PathFinder.find_spec(module, list(locations))


def _load(module: str) -> ModuleType:
    """Imports a module, but not the packages that contain it: a method's package imports torch."""
    if module in sys.modules:
        return sys.modules[module]
    spec = _find(module)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"there is no module {module!r}")
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[module]
        raise
    return made


def _forget(commands: Commands, before: set[str]) -> None:
    """Takes out the parsers that were added since."""
    for name in set(commands.choices) - before:
        del commands.choices[name]
    kept = [action for action in commands._choices_actions if action.dest in before]
    commands._choices_actions[:] = kept
