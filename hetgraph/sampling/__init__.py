"""Random choices over a graph that training needs anew in every epoch."""

from __future__ import annotations

from hetgraph.sampling.negatives import UnseenSampler

__all__ = ["UnseenSampler"]
