"""Instruction files in the format of the authors: a JSON list of dialogues with graph files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hetgraph.errors import DataError, FileFormatError
from hetgraph.files import atomic_path
from hetgraph.models.higpt.language.prompt import BLOCK

__all__ = ["GraphRef", "Record", "read_records", "write_records"]


@dataclass(frozen=True)
class GraphRef:
    """Where the graph of a prompt is.

    Args:
        path: File, relative to the root of the data.
        keys: Node type of each block, in order.
        node: Id of the node in question in its data set, -1 if there is none.
        label: Its class, if the file says.
    """

    path: str
    keys: tuple[str, ...]
    node: int = -1
    label: int | None = None


@dataclass(frozen=True)
class Record:
    """One dialogue.

    Args:
        id: Its name.
        question: With one ``<graph>`` a block, those of the context first.
        answer: Empty if unknown.
        graph: The graph in question; ``None`` in a file of captions alone.
        context: Graphs of solved examples, in the order of the prompt.
        captions: Texts of the nodes by type, in caption files.
        teacher: Who wrote the answer, if that is noted; an addition of ours.
    """

    id: str
    question: str
    answer: str
    graph: GraphRef
    context: tuple[GraphRef, ...] = ()
    captions: Mapping[str, Sequence[str]] | None = None
    teacher: str = ""


def read_records(path: Path, root: Path | None = None) -> list[Record]:
    """Reads and checks a file of instructions.

    Args:
        path: The JSON file.
        root: Folder that the graph files are relative to; given, they must be there.

    Raises:
        FileFormatError: If it is no such file; the message tells which record, and what is wrong.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileFormatError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, list):
        raise FileFormatError(f"{path} holds no list of instructions.")
    return [_checked(path, place, one, root) for place, one in enumerate(content)]


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Writes a file that the authors' programs and :func:`read_records` read.

    Raises:
        OutputError: If the file cannot be written.
    """
    content = [_plain(one) for one in records]
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        temporary.write_text(text, encoding="utf-8")


def _checked(path: Path, place: int, one: Any, root: Path | None) -> Record:
    try:
        return _record(one, root)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise FileFormatError(f"{path}: instruction {place}: {reason}") from error


def _record(one: Mapping[str, Any], root: Path | None) -> Record:
    said = {turn["from"]: str(turn["value"]) for turn in one.get("conversations", [])}
    graph = _ref(one["graph"])
    context = tuple(_ref(each) for each in one.get("context_graph", []))
    captions = one.get("des_dict")
    question = said.get("human", "")
    if captions is None and not question:
        raise DataError("it has no words of 'human' and no 'des_dict'.")
    found = question.count(BLOCK)
    expected = sum(len(each.keys) for each in (*context, graph))
    if captions is None and found != expected:
        raise DataError(
            f"its text has {found} {BLOCK} blocks, but keys_order lists {expected} types."
        )
    for each in (*context, graph) if root is not None else ():
        place = (root / each.path).resolve() if root is not None else Path()
        if root is not None and not place.is_relative_to(root.resolve()):
            raise DataError(f"its graph {each.path!r} lies outside of {root}.")
        if not place.is_file():
            raise DataError(f"its graph {each.path!r} is not below {root}.")
    return Record(
        id=str(one.get("id", "")),
        question=question,
        answer=said.get("gpt", ""),
        graph=graph,
        context=context,
        captions=captions,
        teacher=str(one.get("teacher", "")),
    )


def _ref(graph: Mapping[str, Any]) -> GraphRef:
    keys = graph["keys_order"]
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise DataError(f"keys_order is {keys!r}, expected a list of node types.")
    label = graph.get("label")
    return GraphRef(
        path=str(graph["graph"]),
        keys=tuple(keys),
        node=int(graph.get("node_idx", -1)),
        label=None if label is None else int(label),
    )


def _plain(one: Record) -> dict[str, Any]:
    graph: dict[str, Any] = {
        "graph": one.graph.path,
        "node_idx": one.graph.node,
        "keys_order": list(one.graph.keys),
    }
    if one.graph.label is not None:
        graph["label"] = one.graph.label
    made: dict[str, Any] = {
        "id": one.id,
        "graph": graph,
        "conversations": [
            {"from": "human", "value": one.question},
            {"from": "gpt", "value": one.answer},
        ],
    }
    if one.context:
        made["context_graph"] = [
            {"graph": each.path, "keys_order": list(each.keys)} for each in one.context
        ]
    if one.captions is not None:
        made["des_dict"] = {key: list(texts) for key, texts in one.captions.items()}
    if one.teacher:
        made["teacher"] = one.teacher
    return made
