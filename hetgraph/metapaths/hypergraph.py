"""Hypergraphs made from meta-paths: a start node and the nodes that it reaches."""

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
    """Makes one hyperedge per start node of a path: the node and all nodes that the path reaches.

    The path is the type of the hyperedge. Start nodes without a path instance have no hyperedge.
    Equal sets of one type are merged. A sampled set keeps its start node.

    The relations between the ends are built by :func:`hetgraph.metapaths.compose_many` within the
    budget, with common prefixes built once. The rest is O(number of their entries), plus a sort of
    sampled sets.

    Args:
        graph: The graph.
        paths: Meta-paths or their texts; the keys of a mapping become the names of the types.
        intermediates: Whether the inner nodes of complete path instances are members, too.
        limits: Limits on the size and the number of sets; default: sets of fewer than two nodes
            are dropped.
        memory_budget: See :func:`hetgraph.metapaths.compose.compose`.

    Raises:
        ConfigError: If there is no path.
        MetaPathError: If a path does not match the graph.
        BudgetError: If the composed relations need more memory.
        DataError: If no set is left.
    """
    named = paths if isinstance(paths, Mapping) else {str(path): path for path in paths}
    if not named:
        raise ConfigError("no meta-path is given; give at least one.")
    bound = {name: bind_path(graph, path) for name, path in named.items()}
    wanted = {name: _prefixes(path) if intermediates else [path] for name, path in bound.items()}
    flat = list(dict.fromkeys(prefix for prefixes in wanted.values() for prefix in prefixes))
    composed = compose_many(graph, flat, memory_budget=memory_budget)
    reached = dict(zip(flat, (relation.to("cpu") for relation in composed), strict=True))
    sets = {}
    for name, prefixes in wanted.items():
        path = bound[name]
        whole = _join(graph, prefixes, [reached[prefix] for prefix in prefixes])
        anchors = torch.arange(whole.num_rows) + node_spans(graph.num_nodes)[path.start].start
        sets[name] = limit_sets(whole, limits or SetLimits(), str(path), anchors)
    return hypergraph_of(sets, graph.num_nodes)


def _prefixes(path: MetaPath) -> list[MetaPath]:
    return [
        MetaPath(path.steps[:length], path.schema, path.custom)
        for length in range(1, len(path) + 1)
    ]


def _join(graph: HeteroGraph, prefixes: list[MetaPath], reached: list[Relation]) -> CSR:
    """Returns ``[num_start_nodes, num_nodes]``: each start node and the nodes that it reaches.

    Args:
        graph: The graph.
        prefixes: The path, or its prefixes of increasing length, the whole path last.
        reached: The composed relation of each prefix.
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
    """Whether each node at which the first ``done`` steps end can complete the path."""
    able = torch.ones(graph.num_nodes[path.end], dtype=torch.bool)
    for step in reversed(path.steps[done:]):
        relation = step_relation(graph, path, step).to("cpu")
        arrived, left = relation.coo()
        before = torch.zeros(relation.num_cols, dtype=torch.bool)
        before[left[able[arrived]]] = True
        able = before
    return able
