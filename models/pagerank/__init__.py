"""PageRank: how often a random surfer visits a node."""

from __future__ import annotations

from hetgraph.models.pagerank.model import PageRank, PageRankConfig

__all__ = ["PageRank", "PageRankConfig"]
