"""Random choices over a graph that training needs anew in every epoch."""

from __future__ import annotations

from hetgraph.sampling.negatives import UnseenSampler
from hetgraph.sampling.walks import metapath_walks, random_walks

__all__ = ["UnseenSampler", "metapath_walks", "random_walks"]
