"""What a data set consists of and what must be found in it, read from a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hetgraph.errors import FileFormatError

__all__ = ["FileEntry", "Manifest", "read_manifests"]


@dataclass(frozen=True)
class FileEntry:
    """One file of a data set.

    Args:
        name: File name inside the folder of the set.
        bytes: Its exact size.
        sha256: Its digest, 64 hexadecimal digits.
        urls: Public addresses pinned to a commit, tried in order.
        owner: ``"collection/name"`` of the set in whose folder the file lies; empty for the set
            that lists it. Sets can so share a file.
    """

    name: str
    bytes: int
    sha256: str
    urls: tuple[str, ...]
    owner: str = ""

    def path(self, folder: Path) -> Path:
        """Returns where the file lies, if ``folder`` is that of the set that lists it."""
        return (folder.parents[1] / self.owner if self.owner else folder) / self.name


@dataclass(frozen=True)
class Manifest:
    """A data set as its collection's YAML file declares it.

    Args:
        collection: Name of the collection, such as ``"hgb"``.
        name: Name of the set inside it, such as ``"DBLP"``.
        description: One line for people.
        task: What the benchmark asks, such as ``"node classification"``.
        files: The files, in the order they are fetched; empty for a generated set.
        licence: Terms of use as far as they are known.
        citation: The paper to cite.
        statistics: Published values that must be found after loading, see
            :func:`hetgraph.catalog.statistics.check_statistics`.
        metapaths: Customary meta-paths by name, in text form.
        loader: Settings of the set that its files do not tell, such as names of node types.
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
        """``"collection/name"``, what the user types."""
        return f"{self.collection}/{self.name}"

    @property
    def total_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(entry.bytes for entry in self.files)


def read_manifests(path: Path) -> dict[str, Manifest]:
    """Reads the manifests of one collection, by set name.

    Fields given at the top of the file (``licence``, ``citation``, ``task``) hold for every set
    that does not give its own. A file names its ``source`` and its ``path`` there; the
    ``sources`` of the YAML file list address templates with ``{path}`` in them. A file of another
    set names that set as its ``owner``.

    Raises:
        FileFormatError: If the file cannot be read or a field is missing or malformed.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        sources = {key: tuple(value) for key, value in document.get("sources", {}).items()}
        shared = {key: document[key] for key in ("licence", "citation", "task") if key in document}
        return {
            name: _manifest(document["collection"], name, {**shared, **entry}, sources)
            for name, entry in document["sets"].items()
        }
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{path} is not a manifest ({type(error).__name__}: {reason})."
        ) from error


def _manifest(
    collection: str, name: str, entry: Mapping[str, Any], sources: Mapping[str, tuple[str, ...]]
) -> Manifest:
    known = {"description", "task", "files", "licence", "citation", "statistics"}
    known |= {"metapaths", "loader"}
    unknown = set(entry) - known
    if unknown:
        raise ValueError(f"set {name} has the unknown fields {sorted(unknown)}")
    files = entry.get("files", {})
    return Manifest(
        collection=collection,
        name=str(name),
        description=entry.get("description", ""),
        task=entry.get("task", ""),
        files=tuple(_file_entry(key, value, sources) for key, value in files.items()),
        licence=" ".join(str(entry.get("licence", "")).split()),
        citation=" ".join(str(entry.get("citation", "")).split()),
        statistics=entry.get("statistics", {}),
        metapaths=entry.get("metapaths", {}),
        loader=entry.get("loader", {}),
    )


def _file_entry(
    name: str, entry: Mapping[str, Any], sources: Mapping[str, tuple[str, ...]]
) -> FileEntry:
    digest = str(entry["sha256"])
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError(f"sha256 of {name} is {digest!r}, expected 64 hexadecimal digits")
    urls = tuple(url.format(path=entry["path"]) for url in sources[entry["source"]])
    return FileEntry(
        name=name,
        bytes=int(entry["bytes"]),
        sha256=digest,
        urls=urls,
        owner=str(entry.get("owner", "")),
    )
