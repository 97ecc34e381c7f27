"""Popularity: the same list for everyone, the baseline of every recommender."""

from __future__ import annotations

from hetgraph.models.popularity.model import Popularity, PopularityConfig

__all__ = ["Popularity", "PopularityConfig"]
