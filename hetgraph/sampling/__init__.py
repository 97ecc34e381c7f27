"""Random choices over a graph that training needs anew in every epoch."""

from __future__ import annotations

from hetgraph.sampling.negatives import UnseenSampler
from hetgraph.sampling.two_hop import TwoHopSampler, linked_pairs

__all__ = ["TwoHopSampler", "UnseenSampler", "linked_pairs"]
