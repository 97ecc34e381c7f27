"""The declaration of a folder of tables without one, from the names of files and columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from hetgraph.catalog.targets.base import Target
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.io.declared import DECLARATION, declared_targets
from hetgraph.io.problems import Problems
from hetgraph.io.sources import Source
from hetgraph.io.sources import table_name as path_name
from hetgraph.registry import targets

__all__ = ["by_convention"]

_EDGE_COLUMNS = ("weight", "time")
_NODE_COLUMNS = ("text", "category")
_HYPEREDGE_COLUMNS = ("node_type", "type")


def by_convention(
    folder: Path, files: Mapping[str, list[str]], opened: Callable[[str, str], Source]
) -> dict[str, Any]:
    """Returns the declaration that follows from the names of files and columns.

    Args:
        folder: The folder, for messages.
        files: The files by section (``nodes``, ``edges``, ``hyperedges``), relative to the folder.
        opened: Opens a file; the second argument is its name in messages.

    Raises:
        UserError: If files are not named as they should be or cannot be opened, or two node types
            have a target of the same kind; all such mistakes.
    """
    if not files["nodes"] and not files["edges"]:
        raise FileFormatError(
            f"{folder} has no tables: expected {DECLARATION}, or nodes/<type>.parquet and "
            "edges/<source>__<name>__<destination>.parquet (or .csv, .tsv). Of tables of other "
            f"names, hetgraph check tables:{folder} --fix {folder / DECLARATION} writes a "
            "declaration to start from."
        )
    problems = Problems()
    _check_names(folder, files, problems)
    nodes: dict[str, Any] = {}
    with_split: set[str] = set()
    declared: dict[str, dict[str, str]] = {}
    for file in files["nodes"]:
        node_type = table_name(file)
        nodes[node_type] = {"file": file}
        with problems.of_part():
            names = opened(file, f"table {node_type!r}").names
            identifier = "id" if "id" in names else None
            nodes[node_type] |= {"id": identifier, **_known(names, _NODE_COLUMNS)}
            _add_targets(node_type, names, declared, folder)
            with_split |= {node_type} if "split" in names else set()
    edges = []
    for file in files["edges"]:
        with problems.of_part():
            triple = _triple(folder / file)
            # A type without a table is collected from its edges, even if these cannot be opened.
            nodes |= {key: None for key in (triple[0], triple[2]) if key not in nodes}
            names = opened(file, f"table {table_name(file)!r}").names
            edges.append({"type": triple, "file": file, **_known(names, _EDGE_COLUMNS)})
    hyperedges: dict[str, Any] = {}
    for file in files["hyperedges"]:
        with problems.of_part():
            names = opened(file, f"hyperedges {table_name(file)!r}").names
            known = {key: key for key in _HYPEREDGE_COLUMNS if key in names}
            hyperedges[table_name(file)] = {"file": file, **known}
    problems.check()
    first = next((target.options for target in declared_targets(declared)), {"node_type": ""})
    splits = {"default": "split"} if first["node_type"] in with_split else {}
    return {
        "nodes": nodes,
        "edges": edges,
        "hyperedges": hyperedges,
        "splits": splits,
        **declared,
    }


def table_name(file: str) -> str:
    """Returns the name of a table: that of its file without the endings.

    Example:
        >>> table_name("nodes/user.csv.gz")
        'user'
    """
    path = Path(file)
    return path_name(path) or path.name


def _check_names(folder: Path, files: Mapping[str, list[str]], problems: Problems) -> None:
    """Checks that no two files of a section are tables of one name."""
    for section, given in files.items():
        for name, same in groupby(sorted(given, key=table_name), key=table_name):
            names = [Path(file).name for file in same]
            if len(names) > 1:
                problems.add(
                    FileFormatError(
                        f"{folder}: {' and '.join(names)} in {section} are tables named {name!r}; "
                        f"keep one, or put the parts of one table into a folder {name}."
                    )
                )


def _known(names: Any, columns: tuple[str, ...]) -> dict[str, Any]:
    features = {"features": ["features"]} if "features" in names else {}
    return {**{key: key for key in columns if key in names}, **features}


def _add_targets(
    node_type: str, names: Any, declared: dict[str, dict[str, str]], folder: Path
) -> None:
    kinds: list[type[Target]] = [targets.get(kind) for kind in targets]
    for kind in kinds:
        if kind.over != "nodes" or kind.column not in names:
            continue
        if kind.kind in declared:
            raise ConfigError(
                f"{folder}: both {declared[kind.kind]['node_type']!r} and {node_type!r} have a "
                f"column {kind.column!r}; declare the target in {DECLARATION}."
            )
        declared[kind.kind] = {"node_type": node_type, "column": kind.column}


def _triple(path: Path) -> list[str]:
    triple = table_name(path.name).split("__")
    if len(triple) != 3:
        endings = path.name[len(table_name(path.name)) :]
        raise FileFormatError(
            f"{path}: the name must be <source>__<name>__<destination>{endings}; rename it "
            f"or declare it in {DECLARATION}."
        )
    return triple
