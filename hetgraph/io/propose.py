"""A declaration to start from: what each column of a store may be, guessed and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from hetgraph.errors import FileFormatError
from hetgraph.io.convention import table_name
from hetgraph.io.guesses import (
    as_text,
    has_decimal_commas,
    id_column,
    is_key,
    is_like,
    is_number,
    is_text,
    is_time,
    stem,
    target_kind,
    type_of,
)
from hetgraph.io.problems import Problems
from hetgraph.io.sources import Source
from hetgraph.io.sources.text import TextSource
from hetgraph.io.store import Store
from hetgraph.registry import targets

__all__ = ["propose_tables"]

_WEIGHTS = ("weight", "weights")
_SOURCES = ("src", "source", "from", "head")
_DESTINATIONS = ("dst", "destination", "to", "target", "tail")
_HEADER = """\
# A declaration to start from, guessed from names and values: read it through and correct it.
# Only what stands here is read. Lines that start with # are remarks, and proposals of what could be
# predicted: take the column of a target out of the features.
"""


@dataclass(frozen=True)
class _Opened:
    """A table, and how it is opened: its file and separator."""

    entry: Mapping[str, Any]
    source: Source


@dataclass(frozen=True)
class _Nodes:
    """A table of nodes: its entry, its ids as texts, and the table; a type may have none."""

    entry: dict[str, Any]
    ids: pa.Array | None
    table: _Opened | None = None


@dataclass
class _Proposal:
    nodes: dict[str, _Nodes] = field(default_factory=dict)
    edges: list[dict[str, Any]] = field(default_factory=list)
    targets: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)


def propose_tables(store: Store) -> str:
    """Returns a declaration of the tables of a store as the text of a YAML file.

    A table is one of edges if it is in ``edges/``, has a name such as ``user__buys__item``, or has
    two columns of ids of other tables and no table refers to it; otherwise its rows are nodes, and
    each of its columns of ids of other tables is a relation.

    Raises:
        FileFormatError: If there are no tables.
        UserError: If tables cannot be opened; all of them are named.
    """
    problems = Problems()
    opened: dict[str, _Opened] = {}
    for file in store.names():
        with problems.of_part():
            opened[file] = _opened(store, file)
    problems.check()
    if not opened:
        raise FileFormatError(f"{store.label} has no tables to declare.")
    proposal = _Proposal()
    edge_files = [file for file in opened if _is_of_edges(file)]
    for file, table in opened.items():
        if file not in edge_files and not file.startswith("hyperedges/"):
            with problems.of_part():
                proposal.nodes[table_name(file)] = _node_table(table)
    keys = {name: _keys(nodes, proposal.nodes) for name, nodes in proposal.nodes.items()}
    for name, nodes in proposal.nodes.items():
        if _has_borrowed_ids(name, nodes, proposal.nodes) and keys[name]:
            proposal.nodes[name] = replace(nodes, entry={**nodes.entry, "id": None}, ids=None)
            keys[name] = _keys(proposal.nodes[name], proposal.nodes)
    for name in _joins(proposal.nodes, keys):
        nodes = proposal.nodes.pop(name)
        edge_files.append(str(nodes.entry["file"]))
        ends = " and ".join([*keys.pop(name)][:2])
        proposal.comments.append(f"{name}: its rows are edges, as {ends} are ids")
    for name, nodes in proposal.nodes.items():
        if nodes.table is not None:
            with problems.of_part():
                _complete(proposal, name, nodes.table, keys[name])
    for file in edge_files:
        with problems.of_part():
            _add_edges(proposal, file, opened[file])
    problems.check()
    return _text(proposal)


def _opened(store: Store, file: str) -> _Opened:
    """Opens a table; one of a single column with the separator that its header shows."""
    entry: dict[str, Any] = {"file": file}
    label = f"table {table_name(file)!r}"
    source = store.source(entry, label)
    if isinstance(source, TextSource) and (separator := source.other_separator()):
        entry["separator"] = separator
        source = store.source(entry, label)
    return _Opened(entry, source)


def _is_of_edges(file: str) -> bool:
    return file.startswith("edges/") or len(table_name(file).split("__")) == 3


def _text(proposal: _Proposal) -> str:
    spec: dict[str, Any] = {
        "nodes": {name: nodes.entry or None for name, nodes in proposal.nodes.items()},
        "edges": proposal.edges,
        **proposal.targets,
    }
    body = yaml.safe_dump(
        spec, sort_keys=False, allow_unicode=True, default_flow_style=None, width=96
    )
    comments = "".join(f"# {line}\n" for line in proposal.comments)
    return f"{_HEADER}{body}{comments}"


def _node_table(table: _Opened) -> _Nodes:
    source = table.source
    name, names = table_name(str(table.entry["file"])), list(source.names)
    identifier = id_column(source, name)
    if identifier is None and names and is_key(source.written(names[0])):
        identifier = names[0]
    ids = None if identifier is None else pc.unique(as_text(source.written(identifier)))
    return _Nodes({**table.entry, "id": identifier}, ids, table)


def _complete(proposal: _Proposal, name: str, table: _Opened, keys: Mapping[str, str]) -> None:
    """Adds features, targets and relations of a node type."""
    source, entry = table.source, proposal.nodes[name].entry
    known = {kind.column for kind in map(targets.get, targets.names()) if kind.column}
    identifier = entry["id"]
    relations = keys if identifier is not None else {}
    used = (identifier, "split", *known, *relations)
    left = [column for column in source.names if column not in used]
    entry |= _features(source, left)
    _add_targets(proposal, name, source.names)
    for column, node_type in relations.items():
        edge = {"type": [name, stem(column), node_type], **table.entry}
        edge |= {"src": identifier, "dst": column}
        edge |= {"missing": "skip"} if source.written(column).null_count else {}
        proposal.edges.append(edge)
    if keys and not relations:
        proposal.comments.append(
            f"{name}: no relation is made of {', '.join(keys)}, as the rows have no ids of their "
            "own; add a column of ids"
        )
    features = entry.get("features", ())
    unread = [column for column in left if column not in (*features, entry.get("text"))]
    if unread:
        proposal.comments.append(f"{name}: columns not read: {', '.join(unread)}")
    _add_commas(proposal, name, source)
    for column in features:
        if kind := target_kind(source, column):
            declared = {"node_type": name, "column": column}
            proposal.comments.append(_line({kind: {column: declared}}))


def _add_targets(proposal: _Proposal, node_type: str, names: Sequence[str]) -> None:
    """Declares the columns that are called as targets are."""
    for kind in map(targets.get, targets.names()):
        if kind.over == "nodes" and kind.column in names:
            entry = {"node_type": node_type, "column": kind.column}
            entry |= {"split": "split"} if "split" in names else {}
            proposal.targets.setdefault(kind.kind, {})[f"{node_type}_{kind.column}"] = entry


def _features(source: Source, names: Sequence[str]) -> dict[str, Any]:
    """Returns the columns that may be features, and the one of texts."""
    found: dict[str, Any] = {}
    features = []
    for name in names:
        column = source.column(name)
        if pa.types.is_null(column.type):
            continue  # There is nothing in it.
        if pa.types.is_large_string(column.type) and is_text(column):
            found.setdefault("text", name)
        elif not pa.types.is_large_string(column.type) or not is_key(column):
            features.append(name)
    if features:
        found["features"] = features
    return found


def _add_commas(proposal: _Proposal, name: str, source: Source) -> None:
    """Tells which numbers are read as texts."""
    columns = [column for column in source.names if has_decimal_commas(source, column)]
    if columns:
        listed = ", ".join(f"{column}: decimal-comma" for column in columns)
        proposal.comments.append(
            f"{name}: numbers with a decimal comma are read as texts unless they are declared as "
            f"such: features: {{{listed}}}"
        )


def _keys(table: _Nodes, nodes: Mapping[str, _Nodes]) -> dict[str, str]:
    """Returns the node types of the columns that hold ids, of other tables or of rows of the same.

    Whole numbers such as 1 to 5 are among the ids of many tables, so a column of them counts only
    if its name is like that of the table; in a table without ids, if nothing else is found.
    """
    if table.table is None:
        return {}
    source = table.table.source
    ids = {key: other.ids for key, other in nodes.items()}
    columns = [column for column in source.names if column != table.entry["id"]]
    ends = {column: type_of(source, column, ids) for column in columns}
    found = {column: node_type for column, node_type in ends.items() if node_type is not None}
    sure = {
        column: node_type
        for column, node_type in found.items()
        if not is_number(source, column) or is_like(node_type, column)
    }
    return found if table.ids is None and len(sure) < 2 <= len(found) else sure


def _has_borrowed_ids(name: str, table: _Nodes, nodes: Mapping[str, _Nodes]) -> bool:
    """Whether the first column, which is taken for the ids, holds those of another table."""
    identifier = table.entry.get("id")
    if table.table is None or identifier is None:
        return False
    source = table.table.source
    others = {key: other.ids for key, other in nodes.items() if key != name}
    node_type = type_of(source, identifier, others)
    if node_type is None or id_column(source, name) is not None:
        return False
    return not is_number(source, identifier) or is_like(node_type, identifier)


def _joins(nodes: Mapping[str, _Nodes], keys: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Returns the tables of edges: of two columns of ids, or more without ids of their own."""
    referred = {node_type for ends in keys.values() for node_type in ends.values()}
    ready = {name: found for name, found in keys.items() if name not in referred}
    return [
        name
        for name, found in ready.items()
        if len(found) == 2 or (len(found) > 2 and nodes[name].ids is None)
    ]


def _add_edges(proposal: _Proposal, file: str, table: _Opened) -> None:
    source = table.source
    name, names = table_name(file), list(source.names)
    triple = name.split("__") if len(name.split("__")) == 3 else None
    identifier = id_column(source, name)
    src = next((column for column in _SOURCES if column in names), None)
    dst = next((column for column in _DESTINATIONS if column in names), None)
    if src is None or dst is None:
        ends = [*_keys(_Nodes({"id": identifier}, None, table), proposal.nodes)]
        rest = [column for column in (*ends, *names) if column not in (src, dst)]
        src = src or (rest.pop(0) if rest else names[0])
        dst = dst or next((column for column in rest if column != src), names[-1])
    if triple is None:
        ids = {key: nodes.ids for key, nodes in proposal.nodes.items()}
        types = [type_of(source, column, ids) for column in (src, dst)]
        triple = [types[0] or src, name, types[1] or dst]
    for node_type in (triple[0], triple[2]):
        proposal.nodes.setdefault(node_type, _Nodes({}, None))
    entry: dict[str, Any] = {"type": triple, **table.entry, "src": src, "dst": dst}
    left = [column for column in names if column not in (src, dst, identifier)]
    time = next((column for column in left if is_time(source, column)), None)
    weight = next((column for column in left if column.lower() in _WEIGHTS), None)
    entry |= {key: value for key, value in (("time", time), ("weight", weight)) if value}
    more = _features(source, [column for column in left if column not in (time, weight)])
    _add_commas(proposal, triple[1], source)
    entry |= {"features": more["features"]} if "features" in more else {}
    if any(source.written(column).null_count for column in (src, dst)):
        entry["missing"] = "skip"
    proposal.edges.append(entry)
    how = "time" if time else "random"
    links = {"edge": triple, "split": how, "valid": 0.1, "test": 0.1}
    numbers = [column for column in entry.get("features", ()) if is_number(source, column)]
    values = [{"edge_values": {"edge": triple, "column": column}} for column in numbers]
    proposal.comments += map(_line, [{"links": {triple[1]: links}}, *values])


def _line(value: Mapping[str, Any]) -> str:
    """Returns a declaration as one line of YAML, without the outer braces."""
    text = yaml.safe_dump(
        dict(value), default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.strip()[1:-1]
