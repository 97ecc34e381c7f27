"""Node and edge types in language, and as vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hetgraph.data import EdgeType, Schema
from hetgraph.errors import ConfigError, FileFormatError, suggest
from hetgraph.features import TextEncoder, embed_texts

__all__ = ["TypeVectors", "describe_types", "describe_vectors", "read_vectors", "words"]

Sentences = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class TypeVectors:
    """What the generator reads of a schema.

    Args:
        nodes: ``[type_dim]`` by node type.
        edges: ``[type_dim]`` by edge type.
    """

    nodes: Mapping[str, Tensor]
    edges: Mapping[EdgeType, Tensor]

    def to(self, device: torch.device | str) -> TypeVectors:
        """Returns the vectors on a device."""
        return TypeVectors(
            {key: one.to(device) for key, one in self.nodes.items()},
            {key: one.to(device) for key, one in self.edges.items()},
        )


def words(name: str) -> str:
    """Returns a type's name as words: ``"writtenBy"`` and ``"written_by"`` are ``written by``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[\W_]+", " ", spaced).split()).lower() or name


def describe_types(schema: Schema, given: Sentences | None = None) -> dict[str, tuple[str, ...]]:
    """Returns sentences for every type: those that are declared, else some made of its name.

    Args:
        schema: The types.
        given: Sentences by node type, or by edge type in the form ``"author -writes> paper"``.

    Returns:
        Sentences by ``str`` of the type, node types first.

    Raises:
        ConfigError: If a declared type is not in the schema.
    """
    made: dict[str, tuple[str, ...]] = {}
    for name in schema.node_types:
        said = words(name)
        made[name] = (f"{said}", f"This node is a {said}.")
    for one in schema.edge_types:
        src, link, dst = words(one.src), words(one.name), words(one.dst)
        made[str(one)] = (f"The {src} {link} the {dst}.", f"{link}: from {src} to {dst}")
    for key, sentences in (given or {}).items():
        if key not in made:
            raise ConfigError(f"a description is for the type {key!r}.{suggest(key, made)}")
        if not sentences:
            raise ConfigError(f"the description of {key!r} has no sentence; write at least one.")
        made[key] = tuple(sentences)
    return made


def describe_vectors(
    schema: Schema, encoder: TextEncoder, given: Sentences | None = None
) -> TypeVectors:
    """Returns the mean vector of the sentences of each type; its length is at most one.

    The mean is not scaled to length one, as in the released vectors.

    Raises:
        ConfigError: As for :func:`describe_types`.
    """
    sentences = describe_types(schema, given)
    flat = [one for group in sentences.values() for one in group]
    sizes = [len(group) for group in sentences.values()]
    vectors = torch.split(embed_texts(flat, encoder, progress=False), sizes)
    by_name = {key: own.mean(0) for key, own in zip(sentences, vectors, strict=True)}
    return TypeVectors(
        {name: by_name[name] for name in schema.node_types},
        {one: by_name[str(one)] for one in schema.edge_types},
    )


def read_vectors(
    folder: Path, schema: Schema, renamed: Mapping[str, str] | None = None
) -> TypeVectors:
    """Reads ``node_type.pt`` and ``edge_type.pt`` as the authors publish them, safely.

    A relation is found by its triple, else by its two ends if only one relation has them, so that
    ``author -writes> paper`` finds ``author -to> paper``.

    Args:
        folder: Holds the two files.
        schema: The types that need a vector.
        renamed: Name in the files by name in the schema, such as ``{"venue": "conference"}``.

    Raises:
        FileFormatError: If a file is missing, damaged, or lacks a type.
    """
    nodes, edges = _load(folder / "node_type.pt"), _load(folder / "edge_type.pt")
    other = dict(renamed or {})
    found_nodes: dict[str, Tensor] = {}
    for name in schema.node_types:
        key = other.get(name, name)
        if key not in nodes:
            hint = suggest(key, map(str, nodes))
            raise FileFormatError(f"{folder} has no vector of the node type {key!r}.{hint}")
        found_nodes[name] = nodes[key]
    found_edges: dict[EdgeType, Tensor] = {}
    for one in schema.edge_types:
        src, dst = other.get(one.src, one.src), other.get(one.dst, one.dst)
        ends = [key for key in edges if (key[0], key[2]) == (src, dst)]
        exact = [key for key in ends if key[1] == one.name]
        chosen = exact or ends
        if len(chosen) != 1:
            known = ", ".join(" ".join(key) for key in (ends or edges))
            raise FileFormatError(
                f"{folder} has {len(chosen)} vectors for {one}, expected one; it has: {known}."
            )
        found_edges[one] = edges[chosen[0]]
    return TypeVectors(found_nodes, found_edges)


def _load(path: Path) -> dict[Any, Tensor]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        return {key: value.detach().float().flatten() for key, value in dict(loaded).items()}
    except Exception as error:  # a damaged archive can raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(f"{path} holds no table of vectors ({reason}).") from error
