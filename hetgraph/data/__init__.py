"""The data layer: schema, relations, graphs, meta-paths, data sets."""

from __future__ import annotations

from hetgraph.data.csr import CSR
from hetgraph.data.dataset import Dataset, LinkSplit, NodeLabels, NodeValues, Split
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.metapath import MetaPath
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeSpec, EdgeType, FeatureSpec, Schema

__all__ = [
    "CSR",
    "Dataset",
    "EdgeSpec",
    "EdgeType",
    "FeatureSpec",
    "HeteroGraph",
    "Hypergraph",
    "LinkSplit",
    "MetaPath",
    "NodeLabels",
    "NodeValues",
    "Relation",
    "Schema",
    "Split",
]
