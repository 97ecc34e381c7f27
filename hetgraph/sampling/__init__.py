"""Random choices over a graph that training needs anew in every epoch."""

from __future__ import annotations

from hetgraph.sampling.negatives import UnseenSampler
from hetgraph.sampling.neighbourhood import Neighbourhood, sample_neighbourhood
from hetgraph.sampling.two_hop import TwoHopSampler, linked_pairs
from hetgraph.sampling.walks import metapath_walks, random_walks

__all__ = [
    "Neighbourhood",
    "TwoHopSampler",
    "UnseenSampler",
    "linked_pairs",
    "metapath_walks",
    "random_walks",
    "sample_neighbourhood",
]
