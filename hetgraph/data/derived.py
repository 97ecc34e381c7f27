"""The schema that follows from the data of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from hetgraph.data.content import GraphContent
from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeSpec, EdgeType, FeatureSpec, Schema

__all__ = ["derive_schema"]


def derive_schema(graph: GraphContent, reverses: tuple[tuple[EdgeType, EdgeType], ...]) -> Schema:
    """Returns the schema of a graph's features and relations.

    Args:
        graph: The graph; its own schema is not read.
        reverses: Pairs of edge types that hold the same edges in opposite directions.
    """
    nodes = {
        key: _feature_spec(graph.features.get(key), key in graph.text, graph.encoders.get(key, {}))
        for key in graph.num_nodes
    }
    edges = {
        key: EdgeSpec(
            weighted=relation.weight is not None,
            feature_dim=relation.feature_dim,
            timed=relation.edge_time is not None,
        )
        for key, relation in graph.relations.items()
    }
    return Schema(nodes, edges, reverses)


def _feature_spec(
    features: Tensor | CSR | None, has_text: bool, encoder: Mapping[str, Any]
) -> FeatureSpec:
    if features is None:
        return FeatureSpec("text" if has_text else "none")
    if isinstance(features, CSR):
        return FeatureSpec("sparse", features.num_cols)
    if not features.is_floating_point() and features.dim() == 1:
        # A code that no node of this graph has counts, too, if the encoder knows it.
        known = int(encoder.get("dim", 0)) if encoder.get("layout") == "codes" else 0
        used = int(features.max()) + 1 if features.numel() else 0
        return FeatureSpec("categorical", max(known, used))
    return FeatureSpec("dense", features.shape[-1] if features.dim() > 1 else 0)
