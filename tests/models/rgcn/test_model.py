"""The whole model: what has parameters, what is read, relevance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.errors import ConfigError
from hetgraph.models import RGCN
from hetgraph.models.rgcn import RGCNConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

SEEDS = Seeds.from_seed(0)


@pytest.fixture
def task(random_graph: Callable[..., HeteroGraph]) -> Task:
    ids = torch.arange(18)
    labels = Labels("author", 3, ids, ids % 3)
    split = Split(ids[:9], ids[9:12], ids[12:])
    return make_task(Dataset("toy/rgcn", random_graph(), labels, {"default": split}))


def build(task: Task, **settings: object) -> RGCN:
    return RGCN(task.graph.schema, task.spec, RGCNConfig(**settings))  # type: ignore[arg-type]


def test_only_what_reaches_the_target_has_parameters(task: Task) -> None:
    model = build(task, num_layers=2)
    assert [len(layer.plan.edge_types) for layer in model.layers] == [3, 1]
    assert "term" not in model.features
    method = RGCN.for_task(task, RGCNConfig())
    assert method.num_parameters() == (6 + 1 + 9 + 1 + 4 * 64 + 2 * (64 + 1)) * 64 + 3 * 65


def test_bases_bound_the_parameters(task: Task) -> None:
    free, mixed = build(task, num_layers=3), build(task, num_layers=3, num_bases=1)
    relations = sum(len(layer.plan.edge_types) for layer in free.layers)
    free_count, mixed_count = (sum(p.numel() for p in m.parameters()) for m in (free, mixed))
    assert free_count - mixed_count == (relations - 3) * 64**2 - relations


def test_relations_are_normalised_once(task: Task) -> None:
    model = build(task)
    inputs = model.prepare(task, seeds=SEEDS)
    assert set(inputs.means) == set(model.layers[0].plan.edge_types)
    for mean in inputs.means.values():
        total = mean.matrix.to_dense(torch.float64).sum(1)
        reached = (mean.matrix.degree > 0).double()
        torch.testing.assert_close(total, reached, rtol=0, atol=1e-6)


def test_prediction_depends_on_two_hops_and_no_more(task: Task) -> None:
    model = build(task).eval()

    def predict(graph: HeteroGraph) -> torch.Tensor:
        inputs = model.prepare(task, seeds=SEEDS)
        changed = {key: graph.features[key] for key in inputs.features if key in graph.features}
        with torch.no_grad():
            return model.vectors(replace(inputs, features=changed))["author"]

    graph = task.graph
    features = graph.features["author"]
    assert isinstance(features, torch.Tensor)
    other = features.clone()
    other[0] += 10
    moved = (predict(graph) != predict(graph.with_features("author", other))).any(1)
    hop = graph.relations[EdgeType("author", "writes", "paper")].to_dense()
    back = graph.relations[EdgeType("paper", "written_by", "author")].to_dense()
    reached = (back @ hop)[:, 0] > 0
    reached[0] = True  # by the weight of its own
    assert torch.equal(moved, reached)


@pytest.mark.parametrize(
    ("inputs", "lookups"),
    [("features", set()), ("target", {"paper"}), ("ids", {"author", "paper"})],
)
def test_inputs_choose_what_is_encoded(task: Task, inputs: str, lookups: set[str]) -> None:
    model = build(task, inputs=inputs)
    assert {name for name, encoder in model.features.items() if encoder.lookup} == lookups
    for name, encoder in model.features.items():
        rows = task.graph.features[name].shape[1]
        rows = task.graph.num_nodes[name] if encoder.lookup else rows
        assert encoder.weight.shape == (rows, 64)


def test_relevance_is_the_fraction_of_the_norms(task: Task) -> None:
    model = build(task, num_bases=2)
    with torch.no_grad():
        model.layers[1].root.zero_()
    rows = model.relevance(model.prepare(task, seeds=SEEDS))
    sums: dict[tuple[str, int], float] = {}
    for row in rows:
        sums[row.node_type, row.order] = sums.get((row.node_type, row.order), 0) + row.weight
    assert sums == pytest.approx({("author", 0): 1, ("paper", 0): 1, ("author", 1): 1})
    last = {row.relation: row.weight for row in rows if row.order == 1}
    assert last == pytest.approx({"paper -written_by> author": 1.0, "(self)": 0.0})
    first = {row.relation: row.weight for row in rows if (row.node_type, row.order) == ("paper", 0)}
    layer = model.layers[0]
    norms = [weight.norm().item() for weight in layer.relation_weights().detach()]
    ratio = norms[layer.plan.edge_types.index(EdgeType("author", "writes", "paper"))]
    ratio /= norms[layer.plan.edge_types.index(EdgeType("paper", "cites", "paper"))]
    quotient = first["author -writes> paper"] / first["paper -cites> paper"]
    assert quotient == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"num_bases": 0}, "num_bases"),
        ({"num_layers": 0}, "num_layers"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        RGCNConfig(**settings)  # type: ignore[arg-type]
