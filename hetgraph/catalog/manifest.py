"""Manifests: the files and the published statistics of a data set, read from YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hetgraph.errors import FileFormatError, suggest
from hetgraph.yamlfile import checked, read_yaml

__all__ = ["FileEntry", "Manifest", "read_manifests"]


@dataclass(frozen=True)
class FileEntry:
    """One file of a data set.

    Args:
        name: File name in the data set's folder.
        bytes: Its size in bytes.
        sha256: Its SHA-256 digest, 64 hexadecimal digits.
        urls: Public URLs pinned to a commit, tried in order.
        owner: ``"collection/name"`` of the data set whose folder holds the file, so that data
            sets can share it; empty: the data set that lists it.
    """

    name: str
    bytes: int
    sha256: str
    urls: tuple[str, ...]
    owner: str = ""

    def path(self, folder: Path) -> Path:
        """Returns the path of the file, given the folder of the data set that lists it."""
        return (folder.parents[1] / self.owner if self.owner else folder) / self.name


@dataclass(frozen=True)
class Manifest:
    """A data set as declared in the YAML file of its collection.

    Args:
        collection: Name of the collection, such as ``"hgb"``.
        name: Name of the data set in it, such as ``"DBLP"``.
        description: One line, for people.
        task: The task of the benchmark, such as ``"node classification"``.
        files: The files in the order of download; empty for a generated data set.
        licence: Terms of use, as far as known.
        citation: The paper to cite.
        statistics: Published statistics that the loaded data must have, see
            :func:`hetgraph.catalog.statistics.check_statistics`.
        metapaths: Default meta-paths by name, in text form.
        loader: Settings that the files do not contain, such as names of node types.
    """

    collection: str
    name: str
    description: str = ""
    task: str = ""
    files: tuple[FileEntry, ...] = ()
    licence: str = ""
    citation: str = ""
    statistics: Mapping[str, Any] = field(default_factory=dict)
    metapaths: Mapping[str, str] = field(default_factory=dict)
    loader: Mapping[str, Any] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """``"collection/name"``, as the user types it."""
        return f"{self.collection}/{self.name}"

    @property
    def total_bytes(self) -> int:
        """Total size of all files in bytes."""
        return sum(entry.bytes for entry in self.files)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file as declared in YAML."""

    bytes: int
    sha256: str
    source: str
    path: str
    owner: str = ""

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"sha256 is {self.sha256!r}, expected 64 hexadecimal digits")


class _Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data set as declared in YAML; ``None``: the value of the collection holds."""

    description: str = ""
    task: str | None = None
    files: dict[str, _File] = {}
    licence: str | None = None
    citation: str | None = None
    statistics: dict[str, Any] = {}
    metapaths: dict[str, str] = {}
    loader: dict[str, Any] = {}


class _Collection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole YAML file."""

    collection: str
    sets: dict[str, _Set]
    sources: dict[str, list[str]] = {}
    licence: str = ""
    citation: str = ""
    task: str = ""


def read_manifests(path: Path) -> dict[str, Manifest]:
    """Reads the manifests of one collection, by data set name.

    The top-level fields ``licence``, ``citation`` and ``task`` are the defaults of every data set.
    Each file has a ``source``, a key of ``sources`` with URL templates that contain ``{path}``,
    and its ``path`` there. A file in the folder of another data set names it as ``owner``.

    Raises:
        FileFormatError: If the file cannot be read, or a key or value in it is wrong.
    """
    document = checked(read_yaml(path, FileFormatError), _Collection, path, FileFormatError)
    return {
        name: Manifest(
            collection=document.collection,
            name=name,
            description=entry.description,
            task=document.task if entry.task is None else entry.task,
            files=tuple(
                FileEntry(key, file.bytes, file.sha256, urls, file.owner)
                for key, file, urls in _files_with_urls(path, name, entry, document.sources)
            ),
            licence=_one_line(document.licence if entry.licence is None else entry.licence),
            citation=_one_line(document.citation if entry.citation is None else entry.citation),
            statistics=entry.statistics,
            metapaths=entry.metapaths,
            loader=entry.loader,
        )
        for name, entry in document.sets.items()
    }


def _files_with_urls(
    path: Path, name: str, entry: _Set, sources: Mapping[str, list[str]]
) -> Iterator[tuple[str, _File, tuple[str, ...]]]:
    """Yields name, declaration and URLs of each file of a data set."""
    for key, file in entry.files.items():
        if file.source not in sources:
            raise FileFormatError(
                f"{path}: sets.{name}.files.{key}.source is {file.source!r}, which is not among "
                f"the sources.{suggest(file.source, sources)}"
            )
        yield key, file, tuple(url.format(path=file.path) for url in sources[file.source])


def _one_line(text: str) -> str:
    return " ".join(text.split())
