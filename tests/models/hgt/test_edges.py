"""HGT with weights, features and ages of edges, against a loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.models.hgt.layer import HGTLayer
from hetgraph.nn import EdgeInputs, EdgeReader, LayerPlan

DIM, HEADS, HEAD = 6, 2, 3
ALL = SimpleNamespace(edge_weights=True, edge_features=True, edge_times=True, time_unit=None)

MakeGraph = Callable[..., HeteroGraph]
Edges = dict[EdgeType, EdgeInputs]


def setting(graph: HeteroGraph) -> tuple[LayerPlan, dict[EdgeType, int], Edges]:
    """A layer over all relations, and what their edges carry, in float64."""
    types = tuple(graph.node_types)
    plan = LayerPlan(types, types, tuple(graph.relations))
    reader = EdgeReader(graph.schema, plan.edge_types, ALL)

    def doubled(given: Tensor | None) -> Tensor | None:
        return None if given is None else given.double()

    edges = {
        key: replace(edge, log_weight=doubled(edge.log_weight), values=doubled(edge.values))
        for key, edge in reader.read(graph).items()
    }
    return plan, reader.dims, edges


def random_layer(plan: LayerPlan, dims: dict[EdgeType, int]) -> HGTLayer:
    layer = HGTLayer(plan, DIM, HEADS, edge_dims=dims).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.5)
    return layer


def looped(
    layer: HGTLayer, x: dict[str, Tensor], graph: HeteroGraph, edges: Edges
) -> dict[str, Tensor]:
    """Node by node and head by head, from the definition."""

    def heads_of(linear: torch.nn.Module, given: Tensor) -> Tensor:
        made: Tensor = linear(given)
        return made.view(-1, HEADS, HEAD)

    out = {}
    for at, name in enumerate(layer.query):
        assert isinstance(name, str)
        rows = []
        for node in range(len(x[name])):
            query = heads_of(layer.query[name], x[name][node])[0]
            factors, messages = [[] for _ in range(HEADS)], [[] for _ in range(HEADS)]
            for number, key in enumerate(layer.plan.edge_types):
                if key.dst != name:
                    continue
                relation, edge = graph.relations[key], edges.get(key)
                start, stop = int(relation.indptr[node]), int(relation.indptr[node + 1])
                for entry in range(start, stop):
                    source = x[key.src][int(relation.indices[entry])]
                    k = heads_of(layer.key[key.src], source)[0]
                    v = heads_of(layer.value[key.src], source)[0]
                    for head in range(HEADS):
                        score = query[head] @ (k[head] @ layer.attend[number, head])
                        score = layer.prior[number, head] * score / HEAD**0.5
                        message, weight = v[head] @ layer.send[number, head], torch.ones(())
                        if edge is not None and edge.log_weight is not None:
                            weight = edge.log_weight[entry].exp()
                        if edge is not None and edge.values is not None:
                            maps = layer.edge_maps[key]
                            score = score + edge.values[entry] @ maps.score[:, head]
                            message = message + edge.values[entry] @ maps.message[head]
                        factors[head].append(weight * score.exp())
                        messages[head].append(message)
            total = [
                sum(f / sum(factor) * m for f, m in zip(factor, message, strict=True))
                if factor
                else torch.zeros(HEAD, dtype=torch.float64)
                for factor, message in zip(factors, messages, strict=True)
            ]
            gate = layer.skip[at].sigmoid()
            mapped = layer.out[name](F.gelu(torch.cat(total)))
            rows.append((1 - gate) * x[name][node] + gate * mapped)
        out[name] = torch.stack(rows)
    return out


@pytest.mark.parametrize(
    "only",
    [("weight",), ("edge_features",), ("edge_time",), ("weight", "edge_features", "edge_time")],
)
def test_values_and_gradients_equal_the_loop(edge_graph: MakeGraph, only: tuple[str, ...]) -> None:
    graph = edge_graph(num_nodes=7, num_edges=30, only=only)
    plan, dims, edges = setting(graph)
    layer = random_layer(plan, dims)
    x = {
        name: torch.randn(count, DIM, dtype=torch.float64, requires_grad=True)
        for name, count in graph.num_nodes.items()
    }
    result = layer(x, graph.relations, None, edges)
    expected = looped(layer, x, graph, edges)
    assert set(result) == set(expected)
    weights = {name: torch.randn_like(vectors) for name, vectors in result.items()}
    wanted = [*x.values(), *layer.parameters()]
    ours, theirs = (
        torch.autograd.grad(sum((vectors[name] * w).sum() for name, w in weights.items()), wanted)
        for vectors in (result, expected)
    )
    for name in expected:
        torch.testing.assert_close(result[name], expected[name])
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def test_all_orders_of_products_are_met(edge_graph: MakeGraph) -> None:
    """Relations with inputs send their matrix to values and to sums."""
    graph = edge_graph(num_nodes=7, num_edges=30)
    plan, dims, _ = setting(graph)
    layer = random_layer(plan, dims)
    first = {
        layer._sent[key.src] == 1 or relation.num_cols < relation.num_rows
        for key, relation in graph.relations.items()
        if key in dims
    }
    assert first == {True, False}


def test_attention_to_relations_follows_weights(edge_graph: MakeGraph) -> None:
    graph = edge_graph(num_nodes=7, num_edges=30, only=("weight",))
    plan, dims, edges = setting(graph)
    layer = random_layer(plan, dims)
    with torch.no_grad():
        layer.attend.zero_()
    x = {k: torch.randn(count, DIM, dtype=torch.float64) for k, count in graph.num_nodes.items()}
    fractions: dict[EdgeType, Tensor] = {}
    layer(x, graph.relations, fractions, edges)
    writes, cites = EdgeType("author", "writes", "paper"), EdgeType("paper", "cites", "paper")
    log_weight = edges[writes].log_weight
    assert log_weight is not None
    relation = graph.relations[writes]
    mass = torch.zeros(14, dtype=torch.float64).index_add_(0, relation.row_ids, log_weight.exp())
    total = mass + graph.relations[cites].degree
    expected = torch.where(total > 0, mass / total, 0.0)
    torch.testing.assert_close(fractions[writes][:, 0], expected)
