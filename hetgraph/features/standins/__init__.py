"""Stand-ins for the features of node types that have none; a kind is one module."""

from __future__ import annotations

from hetgraph.features.standins._computed import COMPUTED, computed_mark, keep_computed
from hetgraph.features.standins._incidence import edges_digest
from hetgraph.features.standins._keys import node_keys
from hetgraph.features.standins.apply import (
    apply_standins,
    encode_standins,
    featureless_types,
    refreshed_standins,
)
from hetgraph.features.standins.ids import extend_ids, fit_ids, known_places

__all__ = [
    "COMPUTED",
    "apply_standins",
    "computed_mark",
    "edges_digest",
    "encode_standins",
    "extend_ids",
    "featureless_types",
    "fit_ids",
    "keep_computed",
    "known_places",
    "node_keys",
    "refreshed_standins",
]
