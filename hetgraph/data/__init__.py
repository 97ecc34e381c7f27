"""The data layer: schema, relations, graphs, hypergraphs."""

from __future__ import annotations

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.data.standin import StandIn

__all__ = [
    "CSR",
    "EdgeSpec",
    "EdgeType",
    "FeatureSpec",
    "HeteroGraph",
    "Hypergraph",
    "Relation",
    "Schema",
    "StandIn",
]
