"""In a source tree, ``hetgraph.models`` and three more are the folders at the root of the tree.

An installed package needs nothing of this: there they lie in ``hetgraph/``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

__all__ = ["FOLDERS", "find_folders_at_the_root"]

FOLDERS = ("models", "datasets", "leaderboards", "benchmarks")
"""Also listed in setup.py, which cannot import this."""


class _RootFinder:
    """Finds the packages ``hetgraph.<folder>`` in the root of the source tree."""

    def __init__(self, root: Path, folders: Sequence[str]) -> None:
        self.root = root
        self.names = frozenset(f"hetgraph.{folder}" for folder in folders)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of one of the packages, ``None`` for everything else."""
        if fullname not in self.names:
            return None
        return PathFinder.find_spec(fullname, [str(self.root)], target)


def find_folders_at_the_root(package: Path) -> None:
    """Makes the folders importable where ``package`` holds only a link, a text file or nothing.

    Links become text files where the file system or an unpacking tool does not know them. Also
    where they work they are not followed, so that a module has the same file in every checkout.

    Args:
        package: The folder ``hetgraph``.
    """
    root = package.parent
    inside = (package / folder for folder in FOLDERS)
    outside = [path.name for path in inside if path.is_symlink() or not path.is_dir()]
    if outside and (root / "pyproject.toml").is_file():
        sys.meta_path.insert(0, _RootFinder(root, outside))
