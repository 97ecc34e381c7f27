"""Prompts from a file that users can edit."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from hetgraph.errors import FileFormatError, suggest

__all__ = ["Templates", "read_templates"]

_OWN = Path(__file__).with_name("templates.yaml")

_FIELDS: Mapping[str, frozenset[str]] = {
    "system": frozenset(),
    "block": frozenset({"type"}),
    "question": frozenset({"types", "relations", "target", "blocks", "text", "classes", "cue"}),
    "text": frozenset({"target", "text"}),
    "cue": frozenset(),
    "answer": frozenset({"labels"}),
    "matching_block": frozenset({"number"}),
    "matching_types": frozenset({"blocks"}),
    "matching_types_answer": frozenset({"number", "type"}),
    "matching_texts": frozenset({"type", "texts"}),
    "matching_texts_answer": frozenset({"number", "letter"}),
}
"""Placeholders that each prompt may contain."""


@dataclass(frozen=True)
class Templates:
    """The prompts by name; see the YAML file of the method."""

    system: str
    block: str
    question: str
    text: str
    cue: str
    answer: str
    matching_block: str
    matching_types: str
    matching_types_answer: str
    matching_texts: str
    matching_texts_answer: str


def read_templates(path: Path | None = None) -> Templates:
    """Reads a file of prompts; prompts that it omits are those of the method.

    Args:
        path: A YAML file of texts by name; ``None``: the method's own.

    Raises:
        FileFormatError: If it cannot be read, or a prompt or a placeholder is unknown.
    """
    texts = _read(_OWN)
    if path is not None:
        texts |= _read(path)
    return Templates(**texts)


def _read(path: Path) -> dict[str, str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} cannot be read as YAML: {reason}") from error
    if not isinstance(content, dict):
        raise FileFormatError(f"{path} holds no prompts by name, such as question: ...")
    names = [field.name for field in fields(Templates)]
    for name, text in content.items():
        if name not in names:
            raise FileFormatError(f"{path}: unknown prompt {name!r}.{suggest(str(name), names)}")
        if not isinstance(text, str):
            raise FileFormatError(f"{path}: {name} is {text!r}, expected a text.")
        _check(path, name, text)
    return content


def _check(path: Path, name: str, text: str) -> None:
    known = _FIELDS[name]
    try:
        parsed = string.Formatter().parse(text)
        placeholders = {name for _, name, _, _ in parsed if name is not None}
    except ValueError as error:
        raise FileFormatError(f"{path}: {name} has braces that do not match ({error}).") from error
    for word in placeholders - known:
        hint = suggest(word, known) if known else " It takes none; double braces to show some."
        raise FileFormatError(f"{path}: {name} asks for {{{word}}}.{hint}")
    blocks = {"block": 1, "matching_block": 1, "matching_texts": 1}.get(name, 0)
    if text.count("<graph>") != blocks:
        raise FileFormatError(
            f"{path}: {name} has {text.count('<graph>')} <graph> blocks, expected {blocks}."
        )
