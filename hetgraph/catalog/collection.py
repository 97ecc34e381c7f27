"""Base class of data set collections: one class in one module with one YAML file."""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.inspection import Inspection, describe
from hetgraph.catalog.manifest import Manifest, read_manifests
from hetgraph.errors import ConfigError, UserError, suggest
from hetgraph.optional import Package
from hetgraph.version import __version__

__all__ = ["Collection", "Files"]


@dataclass(frozen=True)
class Files:
    """The verified files of one data set.

    Args:
        folder: The folder of the data set.
        manifest: Manifest of the data set; its ``loader`` section is the collection's own.
    """

    folder: Path
    manifest: Manifest

    def path(self, name: str) -> Path:
        """Returns the path of the file ``name``, which another data set's folder may hold."""
        entry = next((file for file in self.manifest.files if file.name == name), None)
        return self.folder / name if entry is None else entry.path(self.folder)


class Collection(ABC):
    """Data sets that share a file format.

    A subclass in a module of ``hetgraph.datasets``, or behind an entry point of the group
    ``hetgraph.datasets``, is found by its ``name``. Its manifests are in
    ``manifests/<name>.yaml`` next to the module.

    Attributes:
        name: Name of the collection, the first half of ``"collection/name"``.
        version: Increase it when the result of the loader changes; cached data sets of older
            versions are then ignored.
        options: Options of :meth:`load` and :meth:`load_folder` with their defaults.
        cached: Whether to cache parsed data sets on disk.
        task: Task family of its data sets; see :meth:`task_of`.
        make_options: Options of :meth:`make` with their defaults; empty: it makes no files.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Any]] = {}
    cached: ClassVar[bool] = True
    task: ClassVar[str] = "node-classification"
    make_options: ClassVar[Mapping[str, Any]] = {}

    def names(self) -> tuple[str, ...]:
        """Returns the names of the data sets in this collection."""
        return tuple(self._manifests())

    def manifest(self, name: str) -> Manifest:
        """Returns the manifest of the data set ``name``.

        Raises:
            ConfigError: If there is no such data set.
        """
        manifests = self._manifests()
        if name not in manifests:
            raise ConfigError(
                f"collection {self.name!r} has no data set {name!r}.{suggest(name, manifests)}"
            )
        return manifests[name]

    @abstractmethod
    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Reads the data set ``name`` from its verified files."""

    def statistics(self, manifest: Manifest, **options: Any) -> Mapping[str, Any]:
        """Returns the published statistics of a data set that is loaded with these options."""
        return manifest.statistics

    def task_of(self, name: str, *, target: str = "") -> str:
        """Returns the task family of a data set without loading it.

        Args:
            name: Name of a data set of the collection, or the path of the user's own files.
            target: Name of the target that is asked for, of formats with several.
        """
        return self.task

    def packages(self, name: str) -> Iterable[Package]:
        """Returns the optional packages that reading the data set ``name`` needs.

        They are checked before its files are fetched.
        """
        return ()

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a data set in this collection's format from the user's own folder or file.

        Raises:
            ConfigError: If the collection does not read folders.
        """
        raise ConfigError(
            f"{self.name!r} is not a file format; write {self.name}/NAME with NAME one of "
            f"{', '.join(self.names())}."
        )

    def load_graph_folder(
        self, path: Path, *, encoders: Mapping[str, Mapping[str, Any]], **options: Any
    ) -> Dataset:
        """Reads the graph of the user's own folder or file, to ask a trained model about it.

        Formats of the user's own tables read neither targets nor splits, and encode columns by
        given encoders. Other formats have no such columns, and read what they always do.

        Args:
            path: The folder or file.
            encoders: ``encoders`` of the graph that was trained on.
            **options: As for :meth:`load_folder`.

        Raises:
            UserError: If a table is invalid, or lacks a column that an encoder reads.
        """
        return self.load_folder(path, **options)

    def inspect_folder(self, path: Path, source: str, *, target: str = "") -> Inspection:
        """Reports what is wrong with the user's own folder or file, and what would be read.

        Args:
            path: The folder or file.
            source: Its name in the report.
            target: Name of the target that is asked for, of formats with several.
        """
        options = {"target": target} if target else {}
        try:
            return Inspection(source, (), describe(self.load_folder(path, **options)))
        except UserError as error:
            return Inspection(source, (str(error),))

    def propose_folder(self, path: Path) -> str:
        """Returns a declaration to start from, as the text of a YAML file.

        Raises:
            ConfigError: If the format has none.
        """
        raise ConfigError(f"files in the format {self.name!r} need no declaration.")

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the files that :meth:`load_folder` reads.

        The parsed data set is cached under a digest of their content; without files it is not
        cached.
        """
        return ()

    def make(self, folder: Path, **options: Any) -> None:
        """Writes generated files into an empty folder, for collections with ``make_options``.

        Raises:
            ConfigError: If the collection makes no files, or an option is invalid.
        """
        raise ConfigError(f"{self.name!r} has files of its own; nothing is generated.")

    def fingerprint(self) -> str:
        """Returns a digest of the loader's class, versions and source files."""
        identity = f"{type(self).__qualname__}:{self.version}:{__version__}"
        digest = hashlib.sha256(identity.encode())
        try:
            folder = Path(inspect.getfile(type(self))).parent
            for path in sorted(folder.glob(f"*{self.name}*.py")):
                digest.update(path.read_bytes())
        except (OSError, TypeError):
            pass  # A class without a source file, as in a notebook: only the version counts.
        return digest.hexdigest()

    @classmethod
    def manifest_path(cls) -> Path:
        """Returns the path of the YAML file with the manifests of this collection."""
        return Path(inspect.getfile(cls)).resolve().parent / "manifests" / f"{cls.name}.yaml"

    @classmethod
    def _manifests(cls) -> Mapping[str, Manifest]:
        path = cls.manifest_path()
        return _read_once(path) if path.is_file() else {}


@cache
def _read_once(path: Path) -> Mapping[str, Manifest]:
    return read_manifests(path)
