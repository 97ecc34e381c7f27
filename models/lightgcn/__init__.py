"""LightGCN: vectors of users and items, smoothed over what users did."""

from __future__ import annotations

from hetgraph.models.lightgcn.model import LightGCN, LightGCNConfig

__all__ = ["LightGCN", "LightGCNConfig"]
