"""The contract of a data set collection: one class, one file, one manifest."""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import hetgraph
from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.manifest import Manifest, read_manifests
from hetgraph.errors import ConfigError, suggest

__all__ = ["Collection", "Files"]


@dataclass(frozen=True)
class Files:
    """The verified files of one data set.

    Args:
        folder: Where they lie.
        manifest: What they are; its ``loader`` section belongs to the collection.
    """

    folder: Path
    manifest: Manifest

    def path(self, name: str) -> Path:
        """Returns where the file ``name`` lies, also if it is in the folder of another set."""
        listed = (one for one in self.manifest.files if one.name == name)
        entry = next(listed, None)
        return self.folder / name if entry is None else entry.path(self.folder)


class Collection(ABC):
    """Data sets that share a file format.

    A subclass in a module of ``hetgraph.datasets``, or one named by an entry point of the group
    ``hetgraph.datasets``, is found by its ``name``. The manifest is the file
    ``manifests/<name>.yaml`` beside the module.

    Attributes:
        name: What stands before the slash in ``"collection/name"``.
        version: Increase it when what the loader returns changes: parsed graphs in the cache
            of older versions are then no longer used.
        options: Names and defaults of the settings that :meth:`load` and :meth:`load_folder`
            accept.
        cached: Whether a parsed set is worth keeping on disk.
        task: Family of the task that its sets are for; see :meth:`task_of`.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Any]] = {}
    cached: ClassVar[bool] = True
    task: ClassVar[str] = "node-classification"

    def names(self) -> tuple[str, ...]:
        """Returns the names of the sets in this collection."""
        return tuple(self._manifests())

    def manifest(self, name: str) -> Manifest:
        """Returns the manifest of the set ``name``.

        Raises:
            ConfigError: If there is no such set.
        """
        manifests = self._manifests()
        if name not in manifests:
            raise ConfigError(
                f"collection {self.name!r} has no set {name!r}.{suggest(name, manifests)}"
            )
        return manifests[name]

    @abstractmethod
    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads the set ``name`` from its verified files."""

    def statistics(self, manifest: Manifest, **options: Any) -> Mapping[str, Any]:
        """Returns what must be found in a set that was loaded with these options."""
        return manifest.statistics

    def task_of(self, name: str) -> str:
        """Returns the family of the task that a set is for, told before it is loaded.

        Args:
            name: Name of a set of the collection, or the path of the user's own.
        """
        return self.task

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a set in this collection's format from the user's own folder or file.

        Raises:
            ConfigError: If the format cannot be read from a folder.
        """
        raise ConfigError(
            f"{self.name!r} is not a file format; write {self.name}/NAME with NAME one of "
            f"{', '.join(self.names())}."
        )

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the files that :meth:`load_folder` would read.

        The parsed graph of a folder is cached by their content; an empty list means no caching.
        """
        return ()

    def fingerprint(self) -> str:
        """Returns a digest of the loader: its class, versions and source files."""
        identity = f"{type(self).__qualname__}:{self.version}:{hetgraph.__version__}"
        digest = hashlib.sha256(identity.encode())
        try:
            folder = Path(inspect.getfile(type(self))).parent
            for path in sorted(folder.glob(f"*{self.name}*.py")):
                digest.update(path.read_bytes())
        except (OSError, TypeError):
            pass  # Defined without a file, as in a notebook: the version alone must do.
        return digest.hexdigest()

    @classmethod
    def manifest_path(cls) -> Path:
        """Returns the YAML file with the manifests of this collection."""
        return Path(inspect.getfile(cls)).resolve().parent / "manifests" / f"{cls.name}.yaml"

    @classmethod
    def _manifests(cls) -> Mapping[str, Manifest]:
        path = cls.manifest_path()
        return _read_once(path) if path.is_file() else {}


@cache
def _read_once(path: Path) -> Mapping[str, Manifest]:
    return read_manifests(path)
