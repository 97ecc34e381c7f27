"""Optional packages: their import, and the check before the work that all are installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import Any, NamedTuple

from hetgraph.errors import ConfigError

__all__ = ["Package", "demand", "is_installed", "require"]


class Package(NamedTuple):
    """An optional package.

    Args:
        module: Import name.
        install: Arguments of ``pip install``; an option such as ``--no-deps`` may stand in front.
    """

    module: str
    install: str


def is_installed(module: str) -> bool:
    """Whether a package can be imported, without importing it.

    Example:
        >>> is_installed("torch"), is_installed("no_such_package")
        (True, False)
    """
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except ValueError:  # A module that was made by hand has no spec.
        return True


def demand(packages: Iterable[Package]) -> None:
    """Checks that packages are installed; called before anything slow is done.

    Raises:
        ConfigError: If some are not, all in one message with the commands that install them.

    Example:
        >>> demand([Package("torch", "torch")])
    """
    absent = [package for package in dict.fromkeys(packages) if not is_installed(package.module)]
    if not absent:
        return
    names = ", ".join(repr(package.module) for package in absent)
    installs = dict.fromkeys(package.install for package in absent)
    plain = [f"'{install}'" for install in installs if not install.startswith("-")]
    commands = [f"pip install {' '.join(plain)}"] if plain else []
    commands += [f"pip install {install}" for install in installs if install.startswith("-")]
    raise ConfigError(
        f"this needs the package{'s' if len(absent) > 1 else ''} {names}; "
        f"run: {' && '.join(commands)}"
    )


def require(module: str, install: str) -> Any:
    """Imports an optional package.

    Args:
        module: Import name.
        install: Argument of ``pip install``.

    Raises:
        ConfigError: If the package is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ConfigError(
            f"this needs the package {package!r} ({error}); run: pip install '{install}'"
        ) from error
