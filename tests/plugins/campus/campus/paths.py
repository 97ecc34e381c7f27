"""Meta-paths: one as text, one as a function of the graph."""

from __future__ import annotations

from hetgraph import HeteroGraph, Relation
from hetgraph.metapaths import compose

COLLEAGUES = "author-paper-author"


def same_venue(graph: HeteroGraph) -> tuple[str, str, Relation]:
    """Authors who publish at the same venue; any relation of two node types would do."""
    return "author", "author", compose(graph, "author-paper-venue-paper-author", weighting="row")
