"""Simple-HGN: graph attention that knows edge types, with residual nodes and weights."""

from __future__ import annotations

from hetgraph.models.simple_hgn.config import SimpleHGNConfig
from hetgraph.models.simple_hgn.model import SimpleHGN

__all__ = ["SimpleHGN", "SimpleHGNConfig"]
