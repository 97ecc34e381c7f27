"""Hyperedge mean: the mean of the training nodes in the same hyperedges."""

from __future__ import annotations

from hetgraph.models.hyperedge_mean.model import HyperedgeMean, HyperedgeMeanConfig

__all__ = ["HyperedgeMean", "HyperedgeMeanConfig"]
