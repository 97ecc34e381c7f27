"""A folder of tables as a data set.

The layout, with files ending in ``.parquet``, ``.csv``, ``.tsv`` or ``.jsonl``, possibly packed
(``.csv.gz``), or folders of such files in the place of a file::

    nodes/<type>.parquet                        one row per node
    edges/<source>__<name>__<destination>.csv   one row per edge
    hyperedges/<name>.csv                       one row per membership (optional)
    tables.yaml                                 the meaning of the columns (optional)

Without ``tables.yaml`` columns are recognised by their names: in node tables ``id``, ``features``
(of any kind of :mod:`hetgraph.features.columns`), ``text``, ``category``, ``label``, ``split`` and
``value`` (a number to be predicted); in edge tables ``src``, ``dst``, ``weight``, ``time`` and
``features``; in hyperedge tables ``hyperedge``, ``node``, ``node_type`` and ``type``. With it, only
what it declares is read::

    name: my-graph
    nodes:
      paper: {file: nodes/paper.csv, id: key, features: [year, pages], text: title}
      author: nodes/author.csv        # ids in column "id", no features
      shop: {file: shops.csv, features: {city: onehot, sales: {fill: median, scale: robust}}}
      film: {file: films.dat, separator: "::", columns: [id, title]}   # a file without a header
      venue: null                     # ids collected from the edges
    edges:
      - {type: [author, writes, paper], file: edges/writes.csv, src: who, dst: what, weight: times}
    reverses: [[[author, writes, paper], [paper, written_by, author]]]
    add_reverses: true                # default: other relations get a reverse rev_<name>
    labels: {node_type: paper, column: topic}   # classes: [...], separator: "|"
    splits: {default: split}          # columns of the words train, valid and test in the table
                                      # of the default target; labels without: 60/20/20
    values: {node_type: paper, column: citations}
    edge_labels: {edge: [author, writes, paper], column: role}    # classes: [...]
    edge_values: {edge: [author, reads, paper], column: stars, file: stars.csv, src: who, dst: what}
    links: {edge: [author, writes, paper], column: used_for, file: held_out.csv}
    hyperedges:
      venues: {file: hyperedges/venues.csv, hyperedge: issue, node: paper, node_type: null}
    metapaths: {PAP: paper-author-paper}
    task: node-importance             # default: the task family of the default target
    info: {license: CC0}

A target may tell its split: ``split`` is ``random``, ``stratified`` (by class), ``time``, or a
column of the words train, valid and test; ``valid`` and ``test`` are fractions. Without ``column``
links are taken out of a relation::

    links:
      buys: {edge: [user, buys, item], split: time, valid: 0.1, test: 0.1}
    labels:
      tier: {node_type: user, column: tier, split: stratified}

Every kind of target of :mod:`hetgraph.catalog.targets` may be declared under its name, once or
several times by name: ``links: {small: {edge: ...}, large: {edge: ...}}``. An edge target is a
column of the relation's table or, with ``file``, of a separate table, whose edges need not be in
the graph. Splits and task are those of the default target: the one that is asked for, else the
one named by ``target: <name>``, else the first node target, or the first edge target, in the order
of their kinds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import FileFormatError
from hetgraph.io.convention import by_convention
from hetgraph.io.declaration import check_declaration, read_declaration
from hetgraph.io.declared import DECLARATION, declared_targets
from hetgraph.io.loader import declared_task, read_store
from hetgraph.io.sources import Source, as_source, table_name, table_paths

__all__ = ["DECLARATION", "FolderStore", "load_tables", "table_files", "tables_task"]

_SECTIONS = ("nodes", "edges", "hyperedges")


def load_tables(folder: str | Path, *, target: str = "") -> Dataset:
    r"""Reads a folder of tables; see the top of :mod:`hetgraph.io.folder` for the layout.

    Args:
        folder: The folder.
        target: Name of the declared target that the task is about; empty: the default one.

    Returns:
        The data set; ``info["notes"]`` tells in one line each what was left out.

    Raises:
        FileFormatError: If the folder has no tables, or a file cannot be read.
        ConfigError: If ``tables.yaml`` has an unknown key or an invalid value.
        DataError: If a table is invalid, as in :func:`from_tables`.

    Example:
        >>> Path("shop/nodes").mkdir(parents=True)
        >>> _ = Path("shop/nodes/user.csv").write_text("id,features\nann,20\nbob,70\n")
        >>> load_tables("shop").graph.ids["user"].to_pylist()
        ['ann', 'bob']
    """
    return read_store(FolderStore(folder), target=target)


class FolderStore:
    """The tables of a folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.label = str(folder)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name

    def source(self, entry: Mapping[str, Any], label: str) -> Source:
        """Opens the file of a declared table."""
        file = entry["file"]
        several = isinstance(file, (list, tuple))
        return as_source(
            [self.folder / name for name in file] if several else self.folder / str(file),
            label,
            separator=entry.get("separator"),
            columns=entry.get("columns"),
        )

    def declaration(self) -> dict[str, Any]:
        """Reads ``tables.yaml``; without it, returns what follows from names."""
        path = self.folder / DECLARATION
        if path.is_file():
            return read_declaration(path)
        if not self.folder.is_dir():
            raise FileFormatError(
                f"{self.folder} is not a folder; expected nodes/ and edges/ inside."
            )
        files = {section: self._tables_in(section) for section in _SECTIONS}
        proposed = by_convention(
            self.folder, files, lambda file, label: self.source({"file": file}, label)
        )
        return check_declaration(proposed, self.folder)

    def files(self) -> list[Path]:
        """Returns the files that are read; none if some are outside the folder."""
        folder = self.folder
        if not (folder / DECLARATION).is_file():
            tables = [name for section in _SECTIONS for name in self._tables_in(section)]
            return sorted(file for name in tables for file in table_paths(folder / name))
        spec = read_declaration(folder / DECLARATION)
        entries = [*spec["nodes"].values(), *spec["edges"], *spec.get("hyperedges", {}).values()]
        given = [
            entry if isinstance(entry, str) else getattr(entry, "file", "") for entry in entries
        ]
        given += [declared.options.get("file", "") for declared in declared_targets(spec)]
        lists = (names if isinstance(names, list) else [names] for names in given)
        paths = {Path(str(name)) for names in lists for name in names if name}
        if any(path.is_absolute() or ".." in path.parts for path in paths):
            return []
        files: set[Path] = set()
        for path in paths:
            with contextlib.suppress(FileFormatError):  # Reading tells what is missing.
                files |= {*table_paths(folder / path)}
        return [folder / DECLARATION, *sorted(files)]

    def names(self) -> list[str]:
        """Returns the tables: files in ``nodes/``, ``edges/``, ``hyperedges/`` and beside them."""
        return [file for section in (*_SECTIONS, "") for file in self._tables_in(section)]

    def _tables_in(self, section: str) -> list[str]:
        folder = self.folder / section
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        # Folders beside the sections are no tables; those in a section may be.
        tables = [path for path in paths if table_name(path) and (section or path.is_file())]
        return [str(path.relative_to(self.folder)) for path in tables]


def tables_task(folder: str | Path, *, target: str = "") -> str:
    """Returns the task family of a folder, from its declaration or column names alone.

    Raises:
        UserError: As :func:`load_tables`.
    """
    return declared_task(FolderStore(folder).declaration(), target)


def table_files(folder: str | Path) -> list[Path]:
    """Returns the files that :func:`load_tables` reads; none if some are outside the folder."""
    return FolderStore(folder).files()
