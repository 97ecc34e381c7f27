"""Hypergraphs of meta-paths: a node and what it reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.hypergraph_sets import SetLimits, hypergraph_of, limit_sets
from hetgraph.data.numbering import node_spans
from hetgraph.data.relation import Relation
from hetgraph.errors import ConfigError
from hetgraph.metapaths.chain import bind_path, step_relation
from hetgraph.metapaths.compose import DEFAULT_BUDGET, compose_many
from hetgraph.metapaths.metapath import MetaPath

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["metapath_hypergraph"]


def metapath_hypergraph(
    graph: HeteroGraph,
    paths: Sequence[MetaPath | str] | Mapping[str, MetaPath | str],
    *,
    intermediates: bool = False,
    limits: SetLimits | None = None,
    memory_budget: int | str = DEFAULT_BUDGET,
) -> Hypergraph:
    """Makes a hyperedge of each start node of a path and all nodes that the path leads it to.

    Its type is the path. Start nodes from which no instance of the path sets out have none. Equal
    sets of one type are merged. A set that is sampled keeps its start node.

    The relations between the ends are built by :func:`hetgraph.metapaths.compose_many`, shared
    prefixes once, within the budget; then O(number of their entries) and the sort of those that
    are sampled.

    Args:
        graph: The graph.
        paths: Meta-paths or their texts; with names, these become the names of the types.
        intermediates: Whether the nodes in between are members, too: those on an instance that
            arrives.
        limits: Sizes and numbers of the sets; by default sets of fewer than two are dropped.
        memory_budget: See :func:`hetgraph.metapaths.compose.compose`.

    Raises:
        ConfigError: If there is no path.
        MetaPathError: If a path does not fit the graph.
        BudgetError: If the composed relations need more memory.
        DataError: If no set is left.
    """
    named = paths if isinstance(paths, Mapping) else {str(path): path for path in paths}
    if not named:
        raise ConfigError("no meta-path is given; name at least one.")
    bound = {name: bind_path(graph, path) for name, path in named.items()}
    wanted = {name: _prefixes(path) if intermediates else [path] for name, path in bound.items()}
    flat = list(dict.fromkeys(prefix for prefixes in wanted.values() for prefix in prefixes))
    composed = compose_many(graph, flat, memory_budget=memory_budget)
    reached = dict(zip(flat, (one.to("cpu") for one in composed), strict=True))
    sets = {}
    for name, prefixes in wanted.items():
        path = bound[name]
        whole = _join(graph, prefixes, [reached[one] for one in prefixes])
        anchors = torch.arange(whole.num_rows) + node_spans(graph.num_nodes)[path.start].start
        sets[name] = limit_sets(whole, limits or SetLimits(), str(path), anchors)
    return hypergraph_of(sets, graph.num_nodes)


def _prefixes(path: MetaPath) -> list[MetaPath]:
    return [
        MetaPath(path.steps[:length], path.schema, path.custom)
        for length in range(1, len(path) + 1)
    ]


def _join(graph: HeteroGraph, prefixes: list[MetaPath], reached: list[Relation]) -> CSR:
    """Returns ``[num_start_nodes, num_nodes]``: each start node with what it reaches.

    Args:
        graph: The graph.
        prefixes: The path, or its beginnings of growing length, the whole path last.
        reached: Of each, who (columns) reaches whom (rows).
    """
    spans, total = node_spans(graph.num_nodes), sum(graph.num_nodes.values())
    start = prefixes[-1].start
    count = graph.num_nodes[start]
    arrives = reached[-1].transpose.degree > 0  # start nodes with an instance of the whole path
    rows, cols = [arrives.nonzero().squeeze(1)], [arrives.nonzero().squeeze(1) + spans[start].start]
    for prefix, relation in zip(prefixes, reached, strict=True):
        end, begin = relation.coo()
        on_instance = _leads_on(graph, prefixes[-1], len(prefix))[end]
        rows.append(begin[on_instance])
        cols.append(end[on_instance] + spans[prefix.end].start)
    return CSR.from_coo(torch.cat(rows), torch.cat(cols), (count, total)).coalesced("binary")


def _leads_on(graph: HeteroGraph, path: MetaPath, done: int) -> Tensor:
    """Whether each node that ``done`` steps end at can walk the rest of the path."""
    able = torch.ones(graph.num_nodes[path.end], dtype=torch.bool)
    for step in reversed(path.steps[done:]):
        relation = step_relation(graph, path, step).to("cpu")
        arrived, left = relation.coo()
        before = torch.zeros(relation.num_cols, dtype=torch.bool)
        before[left[able[arrived]]] = True
        able = before
    return able
