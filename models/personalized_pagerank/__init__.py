"""Personalised PageRank: visits of a surfer that starts at important nodes."""

from __future__ import annotations

from hetgraph.models.personalized_pagerank.model import (
    PersonalizedPageRank,
    PersonalizedPageRankConfig,
)

__all__ = ["PersonalizedPageRank", "PersonalizedPageRankConfig"]
