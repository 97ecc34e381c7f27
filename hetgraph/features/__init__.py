"""Features computed from texts and from graph structure, and stand-ins for missing ones."""

from __future__ import annotations

from hetgraph.features.encoder import HashEncoder, TextEncoder, make_encoder
from hetgraph.features.standins import apply_standins, encode_standins, extend_ids
from hetgraph.features.structure import hyperedge_features, walk_features
from hetgraph.features.text import embed_texts, text_features
from hetgraph.features.walk_vectors import WalkConfig, walk_vectors

__all__ = [
    "HashEncoder",
    "TextEncoder",
    "WalkConfig",
    "apply_standins",
    "embed_texts",
    "encode_standins",
    "extend_ids",
    "hyperedge_features",
    "make_encoder",
    "text_features",
    "walk_features",
    "walk_vectors",
]
