"""Blocks that at least two models use."""

from __future__ import annotations

from hetgraph.nn.aligned import AlignedInput
from hetgraph.nn.bipartite import bipartite_propagator, pair_table
from hetgraph.nn.contrast import info_nce
from hetgraph.nn.decoders import (
    ComplEx,
    DistMult,
    Dot,
    PairMLP,
    SimilarityDecoder,
    make_decoder,
    pair_scores,
)
from hetgraph.nn.dropout import Dropout
from hetgraph.nn.edge_inputs import (
    EdgeInputs,
    EdgeReader,
    check_time_unit,
    edges_read,
)
from hetgraph.nn.edge_maps import EdgeMap, EdgeMaps
from hetgraph.nn.features import FeatureEncoder, InputKind, feature_matrix, id_types
from hetgraph.nn.graph_views import (
    closed_pattern,
    drop_edges,
    graph_views,
    is_homogeneous,
    view_names,
)
from hetgraph.nn.joint import JointGraph
from hetgraph.nn.layers import LayerPlan, layer_plans
from hetgraph.nn.losses import choose_loss, multi_hot_kl
from hetgraph.nn.means import mean_matrix
from hetgraph.nn.merge import Merge, average_attention, merge_attention
from hetgraph.nn.metapaths import metapath_labels, metapath_relations, metapath_requests
from hetgraph.nn.node_tables import HasNodeRows, node_tables
from hetgraph.nn.propagator import Propagator, make_propagator
from hetgraph.nn.type_dict import TypeDict, type_key

__all__ = [
    "AlignedInput",
    "ComplEx",
    "DistMult",
    "Dot",
    "Dropout",
    "EdgeInputs",
    "EdgeMap",
    "EdgeMaps",
    "EdgeReader",
    "FeatureEncoder",
    "HasNodeRows",
    "InputKind",
    "JointGraph",
    "LayerPlan",
    "Merge",
    "PairMLP",
    "Propagator",
    "SimilarityDecoder",
    "TypeDict",
    "average_attention",
    "bipartite_propagator",
    "check_time_unit",
    "choose_loss",
    "closed_pattern",
    "drop_edges",
    "edges_read",
    "feature_matrix",
    "graph_views",
    "id_types",
    "info_nce",
    "is_homogeneous",
    "layer_plans",
    "make_decoder",
    "make_propagator",
    "mean_matrix",
    "merge_attention",
    "metapath_labels",
    "metapath_relations",
    "metapath_requests",
    "multi_hot_kl",
    "node_tables",
    "pair_scores",
    "pair_table",
    "type_key",
    "view_names",
]
