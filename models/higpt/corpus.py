"""A graph as the tokenizer reads it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import CSR, EdgeType, HeteroGraph
from hetgraph.features import TextEncoder, embed_texts
from hetgraph.features.svd import align_features
from hetgraph.models.higpt.config import HiGPTConfig
from hetgraph.models.higpt.descriptions import TypeVectors, describe_vectors, read_vectors

__all__ = ["Corpus", "clean_texts", "make_corpus"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Vectors, relations and texts of a graph.

    Args:
        x: ``[num_nodes, input_dim]`` float32 by type; rows have norm 1 at most.
        fill: ``[input_dim]`` by type: the vector of a node of which nothing is known.
        types: Vectors of the types.
        relations: By edge type.
        texts: ``[num_nodes]`` cleaned texts of the types that have some.
    """

    x: Mapping[str, Tensor]
    fill: Mapping[str, Tensor]
    types: TypeVectors
    relations: Mapping[EdgeType, CSR]
    texts: Mapping[str, pa.Array]

    @property
    def num_nodes(self) -> dict[str, int]:
        """Number of nodes by type."""
        return {name: len(vectors) for name, vectors in self.x.items()}

    def to(self, device: torch.device) -> Corpus:
        """Returns the corpus on a device; texts stay."""
        return Corpus(
            {name: vectors.to(device) for name, vectors in self.x.items()},
            {name: vector.to(device) for name, vector in self.fill.items()},
            self.types.to(device),
            {key: relation.to(device) for key, relation in self.relations.items()},
            self.texts,
        )


def make_corpus(graph: HeteroGraph, encoder: TextEncoder, config: HiGPTConfig) -> Corpus:
    """Encodes the texts and types of a graph; both are cached by content.

    Args:
        graph: The graph.
        encoder: For nodes and types alike, so that they share one space.
        config: ``inputs``, ``descriptions``, ``type_vectors`` and ``renamed`` are read.

    Raises:
        ConfigError: If a description is for an unknown type.
        FileFormatError: If vectors of types cannot be read.
    """
    described = describe_vectors(graph.schema, encoder, config.descriptions)
    types = described
    if config.type_vectors:
        folder = Path(config.type_vectors).expanduser()
        types = read_vectors(folder, graph.schema, config.renamed)
    texts = {name: clean_texts(column) for name, column in graph.text.items()}
    x = {}
    for name, count in graph.num_nodes.items():
        fill = described.nodes[name]
        if config.inputs == "text" and name in texts:
            vectors = embed_texts(texts[name], encoder)
        elif name in graph.features:
            vectors = F.normalize(align_features(graph.features[name], count, encoder.dim), dim=1)
        else:
            vectors = torch.zeros(count, encoder.dim)
        x[name] = torch.where((vectors != 0).any(1, keepdim=True), vectors, fill)
    return Corpus(x, described.nodes, types, graph.relations, texts)


def clean_texts(column: pa.Array) -> pa.Array:
    """Returns texts with HTML, quotes, underscores and repeated spaces cleaned up."""
    text = column.cast(pa.string())
    if pc.any(pc.match_substring_regex(text, r"&#?\w+;")).as_py():
        text = pa.array([value and html.unescape(value) for value in text.to_pylist()], pa.string())
    text = pc.replace_substring(text, "_", " ")
    text = pc.replace_substring_regex(text, r"\s+", " ")
    return pc.utf8_trim(text, " '\"")
