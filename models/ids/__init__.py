"""IDs: one learned vector per node, the encoder of knowledge graph and factorisation models."""

from __future__ import annotations

from hetgraph.models.ids.model import IDs, IDsConfig

__all__ = ["IDs", "IDsConfig"]
