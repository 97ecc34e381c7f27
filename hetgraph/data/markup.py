"""A graph in a notebook."""

from __future__ import annotations

from hetgraph.data.content import GraphContent
from hetgraph.html import card, table

__all__ = ["graph_html"]


def graph_html(graph: GraphContent) -> str:
    """Returns the types of a graph and their counts; nothing is computed from its edges."""
    nodes = [
        (name, f"{count:,}", graph.schema.node_types[name].words)
        for name, count in graph.num_nodes.items()
    ]
    edges = [
        (key, f"{relation.num_edges:,}", graph.schema.edge_types[key].words)
        for key, relation in graph.relations.items()
    ]
    return card(
        repr(graph).removeprefix("HeteroGraph(")[:-1],
        table(["node type", "nodes", "features"], nodes, right=["nodes"]),
        table(["edge type", "edges", "carries"], edges, right=["edges"]) if edges else "",
    )
