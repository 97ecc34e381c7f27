"""Node and edge types as sentences and as vectors."""

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
    """Vectors of the types of a schema, which the generator reads.

    Args:
        nodes: ``[type_dim]`` by node type.
        edges: ``[type_dim]`` by edge type.
    """

    nodes: Mapping[str, Tensor]
    edges: Mapping[EdgeType, Tensor]

    def to(self, device: torch.device | str) -> TypeVectors:
        """Returns the vectors on a device."""
        return TypeVectors(
            {key: vector.to(device) for key, vector in self.nodes.items()},
            {key: vector.to(device) for key, vector in self.edges.items()},
        )


def words(name: str) -> str:
    """Returns a type's name as words: ``"writtenBy"`` and ``"written_by"`` are ``written by``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[\W_]+", " ", spaced).split()).lower() or name


def describe_types(schema: Schema, given: Sentences | None = None) -> dict[str, tuple[str, ...]]:
    """Returns sentences for every type: declared ones, else sentences made from its name.

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
    for edge_type in schema.edge_types:
        src, link, dst = words(edge_type.src), words(edge_type.name), words(edge_type.dst)
        made[str(edge_type)] = (f"The {src} {link} the {dst}.", f"{link}: from {src} to {dst}")
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
    """Returns the mean vector of the sentences of each type; its norm is at most 1.

    As in the released vectors, the mean is not normalised.

    Raises:
        ConfigError: As for :func:`describe_types`.
    """
    sentences = describe_types(schema, given)
    flat = [sentence for group in sentences.values() for sentence in group]
    sizes = [len(group) for group in sentences.values()]
    vectors = torch.split(embed_texts(flat, encoder, progress=False), sizes)
    by_name = {key: own.mean(0) for key, own in zip(sentences, vectors, strict=True)}
    return TypeVectors(
        {name: by_name[name] for name in schema.node_types},
        {edge_type: by_name[str(edge_type)] for edge_type in schema.edge_types},
    )


def read_vectors(
    folder: Path, schema: Schema, renamed: Mapping[str, str] | None = None
) -> TypeVectors:
    """Reads ``node_type.pt`` and ``edge_type.pt`` in the official format, safely.

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
    node_vectors: dict[str, Tensor] = {}
    for name in schema.node_types:
        key = other.get(name, name)
        if key not in nodes:
            hint = suggest(key, map(str, nodes))
            raise FileFormatError(f"{folder} has no vector of the node type {key!r}.{hint}")
        node_vectors[name] = nodes[key]
    edge_vectors: dict[EdgeType, Tensor] = {}
    for edge_type in schema.edge_types:
        src = other.get(edge_type.src, edge_type.src)
        dst = other.get(edge_type.dst, edge_type.dst)
        ends = [key for key in edges if (key[0], key[2]) == (src, dst)]
        exact = [key for key in ends if key[1] == edge_type.name]
        chosen = exact or ends
        if len(chosen) != 1:
            known = ", ".join(" ".join(key) for key in (ends or edges))
            raise FileFormatError(
                f"{folder} has {len(chosen)} vectors for {edge_type}, expected one; it has: "
                f"{known}."
            )
        edge_vectors[edge_type] = edges[chosen[0]]
    return TypeVectors(node_vectors, edge_vectors)


def _load(path: Path) -> dict[Any, Tensor]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        return {key: value.detach().float().flatten() for key, value in dict(loaded).items()}
    except Exception as error:  # a damaged archive can raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(f"{path} holds no table of vectors ({reason}).") from error
