"""MetaHGNIE: node importance on hypergraphs of a knowledge graph, by structure and by text."""

from __future__ import annotations

from hetgraph.models.metahgnie.config import MetaHGNIEConfig
from hetgraph.models.metahgnie.model import MetaHGNIE

__all__ = ["MetaHGNIE", "MetaHGNIEConfig"]
