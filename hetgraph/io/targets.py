"""Targets and splits of a declaration of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os.path import normpath
from typing import Any

import torch
from torch import Tensor

from hetgraph.catalog.split import Split
from hetgraph.catalog.targets.base import Rows, Target
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError
from hetgraph.io.declare import columns_of
from hetgraph.io.declared import DECLARATION, WHERE, Declared, declared_targets, edge_type, section
from hetgraph.io.drawn_splits import DrawnSplit, as_drawn
from hetgraph.io.held_out import HeldOut, hold_out
from hetgraph.io.problems import Problems
from hetgraph.io.splits import read_split
from hetgraph.io.target_rows import Tables, rows_of
from hetgraph.registry import targets

__all__ = ["ReadTargets", "read_targets"]

_FRACTIONS = {"nodes": {}, "edges": {"valid": 0.1, "test": 0.1}}


@dataclass
class ReadTargets:
    """Targets and splits that were read.

    Args:
        targets: Targets by name, the default one first.
        splits: Splits of the default target by name.
        held_out: Links that must not be edges of the graph.
        notes: What was left out, one line each.
    """

    targets: dict[str, Target] = field(default_factory=dict)
    splits: dict[str, Split] = field(default_factory=dict)
    held_out: list[HeldOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_targets(
    tables: Tables, spec: Mapping[str, Any], problems: Problems, *, wanted: str = ""
) -> ReadTargets:
    """Reads the targets and the splits of a declaration, and goes on after a mistake.

    Splits are of the default target: columns of its table, drawn ones, or the default splits of
    its kind. Links that are to be held out of a relation are so only if they are the default
    target, since every other task may learn from these edges.

    Args:
        tables: The tables.
        spec: The declaration.
        problems: Gets the mistakes.
        wanted: Name of the target to be the default one; empty: that of the declaration.
    """
    read, where = ReadTargets(), spec.get(WHERE, DECLARATION)
    declarations: list[Declared] = []
    with problems.of_part():
        declarations = declared_targets(spec, wanted)
    columns: dict[str, Any] = {}
    with problems.of_part():
        columns = section(spec.get("splits") or {}, f"{where}: splits")
    if wanted and declarations and declared_targets(spec)[0].name != wanted:
        columns = {}  # They are columns of the table of another target.
    for declared in declarations:
        with problems.of_part():
            first = declared is declarations[0]
            _read_target(tables, declared, columns if first else {}, read, spec, first=first)
    if columns and not declarations:
        problems.add(
            ConfigError(
                f"{where}: splits are declared, but no target; add one of "
                f"{', '.join(targets.names())}."
            )
        )
    return read


def _read_target(
    tables: Tables,
    declared: Declared,
    columns: Mapping[str, Any],
    read: ReadTargets,
    spec: Mapping[str, Any],
    *,
    first: bool,
) -> None:
    options, kind = declared.options, declared.kind
    drawn = as_drawn(options, declared.where, **_FRACTIONS[kind.over])
    if drawn is None and "split" in options:
        columns = {str(options["split"]): options["split"], **columns}
    holds_out = kind.holds_out and "column" not in options
    if holds_out and drawn is None:
        raise ConfigError(
            f"{declared.where} names neither a column nor a split; add split: time (or random), "
            "or column: <name> with the words valid and test."
        )
    if holds_out and not first:
        read.notes.append(
            f"target {declared.name!r} is not read: its links are held out of the graph only "
            f"where they are asked for, with --task {declared.name}"
        )
        return
    rows = rows_of(tables, declared, needs_column=not holds_out)
    if rows is None:
        return  # A node type of it has mistakes, which are known.
    if holds_out and drawn is not None:
        assert isinstance(rows.place, EdgeType)  # of a target that holds edges out
        mirrored = [rows.place, rows.place] in [[*pair] for pair in spec.get("reverses", ())]
        held = hold_out(
            declared.name, kind, rows.place, rows.edges, rows.time, drawn, undirected=mirrored
        )
        read.targets[declared.name] = held.target
        read.held_out.append(held)
        read.notes += held.notes
        return
    if first:
        _refuse_own_column(tables, declared, spec)
    target, kept = kind.from_rows(rows, options)
    read.targets[declared.name] = target
    read.notes += _of_joined_classes(declared, target)
    # Those of the other targets are read, too, so that mistakes in them are known.
    given = {name: read_split(rows.table, str(key)) for name, key in columns.items()}
    splits = {name: _as_positions(split, kept) for name, split in given.items()}
    if drawn is not None:
        splits[drawn.name] = _draw(drawn, target, rows, kept)
    if first:
        read.splits = splits or target.default_splits()


def _refuse_own_column(tables: Tables, declared: Declared, spec: Mapping[str, Any]) -> None:
    """Fails when the column of the target is read as a feature, too: it would be its own answer."""
    options = declared.options
    place: Any = options.get("node_type") or edge_type(options.get("edge"), declared.where)
    if "file" in options:
        own = next((entry for entry in spec["edges"] if EdgeType(*entry.type) == place), None)
        if own is None or _paths(own.file) != _paths(options["file"]):
            return
    table: Any = (tables.nodes if declared.kind.over == "nodes" else tables.edges).get(place)
    column = options["column"]
    names = [column] if isinstance(column, str) else list(column)
    read = {name for columns in columns_of(table).values() for name in columns}
    if told := [name for name in names if name in read]:
        raise ConfigError(
            f"{declared.where}: column {told[0]!r} is the target and is read as an input of "
            f"{place!s}, too; leave it out of the features, weights and texts of that table."
        )


def _paths(file: Any) -> list[str]:
    return [normpath(str(path)) for path in (file if isinstance(file, list) else [file])]


def _of_joined_classes(declared: Declared, target: Target) -> list[str]:
    """Tells when classes look like several classes in one text."""
    names = getattr(target, "class_names", ())
    if declared.options.get("separator") or getattr(target, "multi_label", False):
        return []
    for separator in ("|", ";", ","):
        joined = [name for name in names if separator in name]
        parts = {part.strip() for name in joined for part in name.split(separator)}
        if joined and len(parts) < len(joined) + len(parts & set(names)):
            return [
                f"target {declared.name!r}: {len(joined)} of {len(names)} classes contain "
                f"{separator!r}, such as {joined[0]!r}, and each is a class of its own; declare "
                f"separator: {separator!r} if a node can have several classes"
            ]
    return []


def _draw(drawn: DrawnSplit, target: Target, rows: Rows, kept: Tensor | None) -> Split:
    """Draws a split of the ids that the target's splits hold."""
    if kept is not None:
        ids = torch.arange(kept.numel())
    else:
        ids = torch.cat([nodes for _, nodes in target.node_ids()])
    at = ids if kept is None else kept
    time = None if rows.time is None else rows.time[at]
    return drawn.of(ids, time=time, classes=target.strata())


def _as_positions(split: Split, kept: Tensor | None) -> Split:
    """Converts the row numbers of a split into positions among the target rows."""
    if kept is None:
        return split
    position_of = torch.full((int(kept.max()) + 1 if kept.numel() else 0,), -1)
    position_of[kept] = torch.arange(kept.numel())

    def positions(rows: Tensor) -> Tensor:
        found = position_of[rows[rows < position_of.numel()]]
        return found[found >= 0]

    valid = None if split.valid is None else positions(split.valid)
    return Split(positions(split.train), valid, positions(split.test))
