"""Instruction files in the official format: a JSON list of dialogues with graph files."""

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
    """Reference to the graph of a prompt.

    Args:
        path: File, relative to the root of the data.
        keys: Node type of each block, in order.
        node: Id of the node in question in its data set; -1 if there is none.
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
        question: With one ``<graph>`` per block, those of the context first.
        answer: Empty if unknown.
        graph: The graph in question.
        context: Graphs of solved examples, in the order of the prompt.
        captions: Texts of the nodes by type, in caption files.
        teacher: Who wrote the answer, if recorded; our addition to the format.
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
        FileFormatError: If it is no such file; the message names the record and the mistake.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileFormatError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, list):
        raise FileFormatError(f"{path} holds no list of instructions.")
    return [_checked(path, number, values, root) for number, values in enumerate(content)]


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Writes a file that the official implementation and :func:`read_records` read.

    Raises:
        OutputError: If the file cannot be written.
    """
    content = [_plain(record) for record in records]
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        temporary.write_text(text, encoding="utf-8")


def _checked(path: Path, number: int, values: Any, root: Path | None) -> Record:
    try:
        return _record(values, root)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise FileFormatError(f"{path}: instruction {number}: {reason}") from error


def _record(values: Mapping[str, Any], root: Path | None) -> Record:
    turns = {turn["from"]: str(turn["value"]) for turn in values.get("conversations", [])}
    graph = _ref(values["graph"])
    context = tuple(_ref(example) for example in values.get("context_graph", []))
    captions = values.get("des_dict")
    question = turns.get("human", "")
    if captions is None and not question:
        raise DataError("it has neither a turn of 'human' nor a 'des_dict'.")
    blocks = question.count(BLOCK)
    expected = sum(len(ref.keys) for ref in (*context, graph))
    if captions is None and blocks != expected:
        raise DataError(
            f"its text has {blocks} {BLOCK} blocks, but keys_order lists {expected} types."
        )
    for ref in (*context, graph) if root is not None else ():
        place = (root / ref.path).resolve() if root is not None else Path()
        if root is not None and not place.is_relative_to(root.resolve()):
            raise DataError(f"its graph {ref.path!r} lies outside of {root}.")
        if not place.is_file():
            raise DataError(f"its graph {ref.path!r} is not below {root}.")
    return Record(
        id=str(values.get("id", "")),
        question=question,
        answer=turns.get("gpt", ""),
        graph=graph,
        context=context,
        captions=captions,
        teacher=str(values.get("teacher", "")),
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


def _plain(record: Record) -> dict[str, Any]:
    graph: dict[str, Any] = {
        "graph": record.graph.path,
        "node_idx": record.graph.node,
        "keys_order": list(record.graph.keys),
    }
    if record.graph.label is not None:
        graph["label"] = record.graph.label
    made: dict[str, Any] = {
        "id": record.id,
        "graph": graph,
        "conversations": [
            {"from": "human", "value": record.question},
            {"from": "gpt", "value": record.answer},
        ],
    }
    if record.context:
        made["context_graph"] = [
            {"graph": ref.path, "keys_order": list(ref.keys)} for ref in record.context
        ]
    if record.captions is not None:
        made["des_dict"] = {key: list(texts) for key, texts in record.captions.items()}
    if record.teacher:
        made["teacher"] = record.teacher
    return made
