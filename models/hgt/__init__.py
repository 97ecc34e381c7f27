"""HGT: attention over all neighbours of all relations, with weights by node and edge type."""

from __future__ import annotations

from hetgraph.models.hgt.model import HGT, HGTConfig

__all__ = ["HGT", "HGTConfig"]
