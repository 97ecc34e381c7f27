"""Edges that a task hides do not show in stand-ins for features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import torch

from hetgraph.catalog import Dataset, Links
from hetgraph.catalog.attach import add_features
from hetgraph.data import EdgeType
from hetgraph.features import apply_standins
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

KINDS = ("edge-classification", "edge-regression", "link-prediction", "recommendation")


def as_fitted_on(task: Task) -> dict[str, torch.Tensor]:
    """Returns the stand-ins of a graph that never had the hidden edges."""
    graph = task.graph
    features = {k: x for k, x in graph.features.items() if k not in graph.standins}
    bare = graph.replace(features=features, standins={})
    return dict(apply_standins(bare, "incidence-svd", dim=4).features)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_of_the_edges_that_are_seen(films: Dataset, kind: str) -> None:
    graph = films.graph
    for node_type in graph.node_types:
        graph = graph.with_features(node_type, None)
    graph = apply_standins(graph, "incidence-svd", dim=4)
    data = replace(films, graph=graph)
    if kind in ("link-prediction", "recommendation"):
        rates = EdgeType("user", "rates", "film")
        new = (graph.relations[rates].to_dense().T == 0).nonzero().T[:, ::9]
        data = Dataset("toy/links", graph, Links((rates,), None, new), task=kind)
    uniform = {"negatives": "uniform"} if kind == "link-prediction" else {}
    task = make_task(data, seeds=Seeds(), options={"kind": kind, **uniform})
    assert task.graph.num_edges < graph.num_edges
    for view in (task, task.refit_view(), task.without_test()):
        for node_type, x in as_fitted_on(view).items():
            assert torch.equal(view.graph.features[node_type], x)
    whole, hidden = data.graph.features["user"], task.graph.features["user"]
    assert not torch.equal(whole, hidden)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "computed",
    [{"structure": "walks"}, {"text": "hash:4"}, {"structure": "walks", "text": "hash:4"}],
)
def test_computed_features_read_no_hidden_edge(
    films: Dataset, kind: str, computed: dict[str, Any]
) -> None:
    titles = pa.array([f"film {number}" for number in range(films.graph.num_nodes["film"])])
    graph = films.graph.replace(text={"film": titles})
    data = replace(films, graph=graph)
    if kind in ("link-prediction", "recommendation"):
        rates = EdgeType("user", "rates", "film")
        new = (graph.relations[rates].to_dense().T == 0).nonzero().T[:, ::9]
        data = Dataset("toy/links", graph, Links((rates,), None, new), task=kind)
    bare = data
    data = add_features(data, **computed)
    uniform = {"negatives": "uniform"} if kind == "link-prediction" else {}
    options = {"kind": kind, **uniform}
    task = make_task(data, seeds=Seeds(), options=options)
    plain = make_task(bare, seeds=Seeds(), options=options)
    assert not torch.equal(data.graph.features["user"], task.graph.features["user"])
    for view, seen in ((task, plain), (task.refit_view(), plain.refit_view())):
        made = add_features(replace(bare, graph=seen.graph), **computed).graph
        for node_type in made.node_types:
            assert torch.equal(view.graph.features[node_type], made.features[node_type])
