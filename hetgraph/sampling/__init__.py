"""Samplers of neighbours, negatives, walks and batches, redrawn in every epoch."""

from __future__ import annotations

from hetgraph.sampling.batching import row_batches
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
    "row_batches",
    "sample_neighbourhood",
]
