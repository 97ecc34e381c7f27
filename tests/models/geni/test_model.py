"""GENI: its aggregation against a loop, and its centrality."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.data import HeteroGraph
from hetgraph.errors import ConfigError
from hetgraph.models.geni import GENI, GENIConfig
from hetgraph.models.geni.model import ScoreAggregation
from hetgraph.nn import JointGraph, layer_plans
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task


def test_scores_are_passed_on_as_published(random_graph: Callable[..., HeteroGraph]) -> None:
    graph = random_graph()
    plan = layer_plans(graph.schema, "author", 2)[0]
    joint = JointGraph.join(plan, graph.num_nodes, graph.relations)
    layer = ScoreAggregation(2, 3, 0.2).double()
    types = torch.randn(len(plan.edge_types) + 1, 3, dtype=torch.float64)
    score = torch.randn(joint.csr.num_rows, 2, dtype=torch.float64, requires_grad=True)
    result = layer(score, joint, types)
    rows, cols = (ids.tolist() for ids in joint.csr.coo())
    kinds = joint.edge_type.tolist()
    expected = []
    for node in range(joint.csr.num_rows):
        edges = [e for e, row in enumerate(rows) if row == node]
        near = score[[cols[e] for e in edges]]
        of_type = types[[kinds[e] for e in edges]] @ layer.type_weight
        raw = layer.dst_weight * score[node] + of_type + layer.src_weight * near
        weight = torch.nn.functional.leaky_relu(raw, 0.2).softmax(0)
        expected.append((weight * near).sum(0))
    reference = torch.stack(expected)
    torch.testing.assert_close(result, reference)
    inputs = (score, *layer.parameters())
    mine = torch.autograd.grad(result.square().sum(), inputs)
    theirs = torch.autograd.grad(reference.square().sum(), inputs)
    torch.testing.assert_close(mine, theirs)


def test_central_nodes_count_more(importance_dataset: Callable[..., Dataset]) -> None:
    task = make_task(importance_dataset())
    config = {"hidden_dim": 4, "num_heads": 2, "num_layers": 1}
    model = GENI(task.graph.schema, task.spec, GENIConfig(**config)).eval()
    inputs = model.prepare(task, seeds=Seeds())
    scaled = model.vectors(inputs)["item"]
    with torch.no_grad():
        model.scale.zero_()
        model.shift.fill_(1.0)
    plain = model.vectors(inputs)["item"]
    degree = inputs.joint.csr.degree[inputs.joint.spans["item"]] - 1
    expected = plain * (degree + 1e-4).log().unsqueeze(1)
    torch.testing.assert_close(scaled, expected)
    assert math.isfinite(float(scaled.sum()))  # also of a node without edges


@pytest.mark.parametrize("settings", [{"num_heads": 0}, {"dropout": 1.0}])
def test_bad_settings(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        GENIConfig(**settings)  # type: ignore[arg-type]
