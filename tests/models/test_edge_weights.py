"""What holds for every model whose settings say whether it reads edge weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import CSR, EdgeType, HeteroGraph
from hetgraph.errors import DataError
from hetgraph.metapaths import compose, metapath_operator
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

SEEDS = Seeds.from_seed(0)
READERS: dict[str, dict[str, Any]] = {
    "latte": {"hidden_dim": 8},
    "rgcn": {"hidden_dim": 8},
    "rphgnn": {"noise_dim": 8, "hidden_dim": 8, "storage": "float32"},
    "sehgnn": {"embed_dim": 8, "hidden_dim": 8},
}
LATTES = (
    {},
    {"weighting": "pattern", "factorize": False, "num_orders": 3},
    {"weighting": "pattern", "attention": "leaky_relu", "context": "previous"},
    {"weighting": "pattern", "attention": "linear", "carry": "attention", "edge_threshold": 0.1},
)
CASES = [
    *(("latte", settings) for settings in LATTES),
    *((name, {}) for name in ("rgcn", "rphgnn", "sehgnn")),
    ("rphgnn", {"labels": True, "label_echo": "all"}),
    ("sehgnn", {"labels": True}),
]


@pytest.fixture
def graph(
    random_graph: Callable[..., HeteroGraph], weigh: Callable[..., HeteroGraph]
) -> HeteroGraph:
    return weigh(random_graph().with_reverses())


def outputs(name: str, graph: HeteroGraph, **settings: Any) -> Tensor:
    """What a fresh method says of all papers, and keeps of them."""
    ids = torch.arange(24)
    split = Split(ids[:16], ids[16:20], ids[20:])
    labels = Labels("paper", 3, ids, ids % 3)
    task = make_task(Dataset("toy/weights", graph, labels, {"default": split}))
    cls = models.get(name)
    torch.manual_seed(0)
    method = cls.for_task(task, cls.Config(**READERS[name], **settings)).eval()
    with torch.no_grad():
        inputs = method.prepare(task, seeds=SEEDS)
        return torch.cat([method.predict(inputs, split).values for split in ("train", "test")])


def change(graph: HeteroGraph, weight: Callable[[CSR], Tensor | None]) -> HeteroGraph:
    return graph.replace(
        relations={key: edges.with_weight(weight(edges)) for key, edges in graph.relations.items()}
    )


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_weights_of_one_and_weights_left_out_are_no_weights_bit_for_bit(
    name: str, settings: dict[str, Any], graph: HeteroGraph
) -> None:
    bare = outputs(name, change(graph, lambda edges: None), **settings)
    for dtype in (torch.float32, torch.float64):
        ones = change(graph, lambda edges, dtype=dtype: torch.ones(edges.nnz, dtype=dtype))
        assert torch.equal(outputs(name, ones, **settings), bare)
    assert torch.equal(outputs(name, graph, edge_weights=False, **settings), bare)
    assert not torch.allclose(outputs(name, graph, **settings), bare, atol=1e-5)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_edges_of_weight_0_are_no_edges(
    name: str, settings: dict[str, Any], graph: HeteroGraph
) -> None:
    fewer = {key: edges.select(edges.weight > 0) for key, edges in graph.relations.items()}
    assert sum(edges.nnz for edges in fewer.values()) < graph.num_edges
    without = outputs(name, graph.replace(relations=fewer), **settings)
    torch.testing.assert_close(outputs(name, graph, **settings), without)


@pytest.mark.parametrize(("name", "settings"), CASES)
@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_the_unit_of_the_weights_of_a_relation_cancels(
    name: str, settings: dict[str, Any], unit: float, graph: HeteroGraph
) -> None:
    scaled = dict(graph.relations)
    for key in (EdgeType("author", "writes", "paper"), EdgeType("paper", "written_by", "author")):
        scaled[key] = scaled[key].with_weight(scaled[key].weight.double() * unit)
    changed = outputs(name, graph.replace(relations=scaled), **settings)
    torch.testing.assert_close(changed, outputs(name, graph, **settings), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["rgcn", "rphgnn", "sehgnn"])
def test_negative_weights_count_against_a_neighbour(
    name: str, graph: HeteroGraph, weigh: Callable[..., HeteroGraph]
) -> None:
    signed = weigh(graph, signed=True)
    said = outputs(name, signed)
    assert bool(torch.isfinite(said).all())
    assert not torch.allclose(said, outputs(name, change(signed, lambda e: e.weight.abs())))


@pytest.mark.parametrize(
    ("name", "settings"),
    [("latte", {}), ("rphgnn", {"labels": True}), ("sehgnn", {"labels": True})],
)
def test_negative_weights_are_refused_where_a_mean_by_weight_needs_fractions(
    name: str, settings: dict[str, Any], graph: HeteroGraph
) -> None:
    key = EdgeType("paper", "has", "term")
    edges = graph.relations[key]
    weight = edges.weight.clone()
    weight[7] = -2.5
    src, dst = (int(ids[7]) for ids in edges.edges())
    signed = graph.replace(relations={**graph.relations, key: edges.with_weight(weight)})
    message = rf"^paper -has> term: .*edge {src} -> {dst}\) is -2.5; .*model\.edge_weights=false"
    with pytest.raises(DataError, match=message):
        outputs(name, signed, **settings)
    bare = outputs(name, change(graph, lambda edges: None), **settings)
    assert torch.equal(outputs(name, signed, edge_weights=False, **settings), bare)


def test_rows_of_meta_paths_are_no_means_by_negative_weights(graph: HeteroGraph) -> None:
    key = EdgeType("paper", "has", "term")
    edges = graph.relations[key]
    signed = graph.replace(relations={**graph.relations, key: edges.with_weight(-edges.weight)})
    for make in (compose, metapath_operator):
        with pytest.raises(DataError, match=r"^paper -has> term: .*choose a weighting"):
            make(signed, "paper-term", weighting="row")
        assert make(signed, "paper-term", weighting="count") is not None


@pytest.mark.parametrize("name", READERS)
def test_the_setting_decides_on_what_is_said_to_be_read(name: str, graph: HeteroGraph) -> None:
    config = models.get(name).Config()
    assert "edge_weight" in models.get(name).reads(config, graph)
    assert "edge_weight" not in models.get(name).reads(replace(config, edge_weights=False), graph)
