"""Features made from texts and from structure, computed once and kept on disk."""

from __future__ import annotations

from hetgraph.features.attach import add_features
from hetgraph.features.embed import embed_texts
from hetgraph.features.encoder import TextEncoder, make_encoder
from hetgraph.features.hashing import HashEncoder
from hetgraph.features.structure import hyperedge_features, walk_features
from hetgraph.features.text import text_features
from hetgraph.features.walk_vectors import WalkConfig, walk_vectors

__all__ = [
    "HashEncoder",
    "TextEncoder",
    "WalkConfig",
    "add_features",
    "embed_texts",
    "hyperedge_features",
    "make_encoder",
    "text_features",
    "walk_features",
    "walk_vectors",
]
