"""RGCN: a mean over the neighbours of each relation, with a weight a relation."""

from __future__ import annotations

from hetgraph.models.rgcn.model import RGCN, RGCNConfig

__all__ = ["RGCN", "RGCNConfig"]
