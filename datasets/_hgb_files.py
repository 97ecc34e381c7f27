"""Files, type names and nodes of data sets in the format of the HGB benchmark."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from torch import Tensor

from hetgraph.catalog.textscan import read_matrix, scan_fields
from hetgraph.data.csr import CSR
from hetgraph.errors import FileFormatError

Ints = npt.NDArray[np.int64]


class Source:
    """The text files of a data set: in a folder, a zip, or a folder with one zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir() and not (path / "node.dat").is_file():
            archives = sorted(path.glob("*.zip"))
            if len(archives) != 1:
                raise FileFormatError(
                    f"{path} has no node.dat and {len(archives)} zip files; expected the files of "
                    "an HGB data set or one zip of them."
                )
            self.path = archives[0]
        self._archive: zipfile.ZipFile | None = None
        if self.path.is_file():
            try:
                self._archive = zipfile.ZipFile(self.path)
            except (zipfile.BadZipFile, OSError) as error:
                raise FileFormatError(f"{self.path} is not a readable zip ({error}).") from error
        self._members = self._list()

    def _list(self) -> dict[str, str]:
        if self._archive is None:
            return {file.name: str(file) for file in self.path.iterdir() if file.is_file()}
        members = (name for name in self._archive.namelist() if not name.startswith("__MACOSX/"))
        return {name.rpartition("/")[2]: name for name in members if not name.endswith("/")}

    def label(self, name: str) -> str:
        """Returns the name of a file in messages."""
        return f"{self.path}{'/' if self._archive is None else ':'}{name}"

    def has(self, name: str) -> bool:
        """Returns whether the data set has the file ``name``."""
        return name in self._members

    def read(self, name: str) -> bytes:
        """Returns the content of a file, with a newline at its end unless it is empty."""
        if not self.has(name):
            raise FileFormatError(f"{self.path} has no {name}, which every HGB data set needs.")
        try:
            if self._archive is None:
                data = Path(self._members[name]).read_bytes()
            else:
                data = self._archive.read(self._members[name])
        except Exception as error:  # zlib and zipfile raise many types of errors.
            raise FileFormatError(f"{self.label(name)} cannot be read ({error}).") from error
        return data if data.endswith(b"\n") or not data else data + b"\n"


def read_info(source: Source, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns names by number: ``nodes``, ``links`` (the "meaning") and ``classes`` by type."""
    document: dict[str, Any] = {}
    if source.has("info.dat"):
        try:
            document = json.loads(source.read("info.dat"))
        except ValueError as error:
            raise FileFormatError(f"{source.label('info.dat')} is not JSON: {error}.") from error
    nodes, links = document.get("node.dat", {}), document.get("link.dat", {})
    classes = document.get("label.dat", {})
    names = {int(key): str(value).lower() for key, value in _inner(nodes, "node type").items()}
    names |= dict(enumerate(settings.get("node_types", ())))
    return {
        "nodes": names,
        "links": {
            int(key): str(value.get("meaning", "")).lower()
            for key, value in _inner(links, "link type").items()
        },
        "classes": {int(key): value for key, value in _inner(classes, "node type").items()},
    }


def _inner(section: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Returns ``section[key]``, or the section itself in data sets without that level."""
    inner = section.get(key, section)
    return {number: value for number, value in inner.items() if number.isdigit()}


@dataclass(frozen=True)
class Nodes:
    """Type and local id of every global id of the files.

    Args:
        types: Type names in ascending order of their codes.
        codes: Code of each type in the files.
        kind: ``[num_nodes]`` position in ``types`` of each global id.
        local: ``[num_nodes]`` id of each node within its type.
        features: ``[num_nodes, dim]`` features by type name.
        text: Node names by type name.
    """

    types: tuple[str, ...]
    codes: Ints
    kind: Ints
    local: Ints
    features: Mapping[str, Tensor | CSR] = field(default_factory=dict)
    text: Mapping[str, pa.Array] = field(default_factory=dict)

    def count(self, number: int) -> int:
        """Returns the number of nodes of the type at position ``number``."""
        return int((self.kind == number).sum())


def read_nodes(source: Source, info: Mapping[str, Any]) -> Nodes:
    data, label = source.read("node.dat"), source.label("node.dat")
    if not data:
        raise FileFormatError(f"{label} is empty.")
    starts, ends = scan_fields(data, label, min_fields=3, max_fields=4)
    ids = _integers(data, starts[:, 0], ends[:, 0], label)
    numbers = _integers(data, starts[:, 2], ends[:, 2], label)
    order = np.argsort(ids, kind="stable")
    wrong = np.flatnonzero(ids[order] != np.arange(ids.size))
    if wrong.size:
        raise FileFormatError(
            f"{label} line {order[wrong[0]] + 1}: node id {ids[order[wrong[0]]]}; expected every "
            f"id of 0..{ids.size - 1} once."
        )
    codes, kind = np.unique(numbers[order], return_inverse=True)
    types = tuple(info["nodes"].get(int(code), f"type{code}") for code in codes)
    local = np.empty(ids.size, dtype=np.int64)
    features: dict[str, Tensor | CSR] = {}
    text: dict[str, pa.Array] = {}
    for number, name in enumerate(types):
        rows = np.flatnonzero(kind == number)
        local[rows] = np.arange(rows.size)
        lines = order[rows]  # In the order of ids, nearly always that of the file.
        first, last = starts[lines], ends[lines]
        filled = last[:, 3] > first[:, 3]
        if filled.any():
            features[name] = read_matrix(data, first[:, 3], last[:, 3], lines + 1, label)
        if (last[:, 1] > first[:, 1]).any():
            text[name] = _strings(data, first[:, 1], last[:, 1], label)
    return Nodes(types, codes, kind, local, features, text)


def _strings(data: bytes, starts: Ints, ends: Ints, label: str) -> pa.Array:
    names = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    try:
        return pa.array(names, type=pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        raise FileFormatError(f"{label}: a node name is not UTF-8 text ({error}).") from error


def _integers(data: bytes, starts: Ints, ends: Ints, label: str) -> Ints:
    fields = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    try:
        numbers: Ints = np.array(fields).astype(np.int64)
    except (ValueError, OverflowError):
        line = next(i for i, field in enumerate(fields) if not field.strip().isdigit())
        raise FileFormatError(
            f"{label} line {line + 1}: {fields[line][:40]!r} is not a whole number."
        ) from None
    return numbers
