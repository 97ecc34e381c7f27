"""Weights, features and times of edges reach the models that attend over edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Links, Split
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import DataError
from hetgraph.methods import Method
from hetgraph.registry import models
from hetgraph.runs.unread import unread_note
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

MODELS = ("gat", "hgt", "simple_hgn")
OFF = {"edge_weights": False, "edge_features": False, "edge_times": False}
WORDS = {"weight": "edge_weights", "edge_features": "edge_features", "edge_time": "edge_times"}
SEEDS = Seeds.from_seed(0)

MakeGraph = Callable[..., HeteroGraph]
Small = Mapping[str, Mapping[str, Any]]

over_models = pytest.mark.parametrize("name", MODELS)


def dataset_of(graph: HeteroGraph) -> Dataset:
    ids = torch.arange(graph.num_nodes["paper"])
    split = Split(ids[:12], ids[12:18], ids[18:])
    return Dataset("toy/edges", graph, Labels("paper", 3, ids, ids % 3), {"fixed": split})


def task_of(graph: HeteroGraph) -> Task:
    return make_task(dataset_of(graph))


def fresh(name: str, task: Task, small: Small, *, noise: float = 0.1, **settings: Any) -> Method:
    """A method that knows something: where maps of edges begin at zero, they are moved."""
    cls = models.get(name)
    torch.manual_seed(0)
    method: Method = cls.for_task(task, cls.Config(**{**small[name], **settings}))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, parameter in method.named_parameters():
            if "edge_maps" in key:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * noise)
    return method.eval()


def outcome(method: Method, graph: HeteroGraph) -> Tensor:
    task = task_of(graph)
    with torch.no_grad():
        inputs = method.prepare(task, seeds=SEEDS)
        return torch.cat([method.predict(inputs, s).values for s in ("train", "valid", "test")])


def shuffled(graph: HeteroGraph) -> HeteroGraph:
    """The same edges in another order, with what they carry."""
    generator = torch.Generator().manual_seed(5)
    relations = {}
    for key, relation in graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel(), generator=generator)
        carried = {name: getattr(relation, name) for name in WORDS}
        relations[key] = Relation.from_edges(
            src[order],
            dst[order],
            relation.num_src,
            relation.num_dst,
            **{k: value[order] for k, value in carried.items() if value is not None},
        )
    return graph.replace(relations=relations)


@over_models
def test_the_order_of_edges_does_not_matter(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    graph = edge_graph()
    other = shuffled(graph)
    key = EdgeType("paper", "cites", "paper")  # parallel edges with features of their own
    assert not torch.equal(graph.relations[key].edge_features, other.relations[key].edge_features)
    method = fresh(name, task_of(graph), small_settings)
    torch.testing.assert_close(outcome(method, graph), outcome(method, other))


@over_models
@pytest.mark.parametrize("word", WORDS)
def test_predictions_change_with_what_is_read(
    name: str, word: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    graph, other = edge_graph(only=(word,)), edge_graph(only=(word,), salt=2)
    method = fresh(name, task_of(graph), small_settings)
    assert not torch.allclose(outcome(method, graph), outcome(method, other), atol=1e-3)
    deaf = fresh(name, task_of(graph), small_settings, **{WORDS[word]: False})
    assert torch.equal(outcome(deaf, graph), outcome(deaf, other))


@over_models
def test_switched_off_it_is_the_model_of_a_graph_without(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    plain, graph = edge_graph(only=()), edge_graph()
    before = fresh(name, task_of(plain), small_settings)
    after = fresh(name, task_of(graph), small_settings, **OFF)
    assert list(after.state_dict()) == list(before.state_dict())
    assert all(map(torch.equal, after.state_dict().values(), before.state_dict().values()))
    assert torch.equal(outcome(after, graph), outcome(before, plain))
    assert not [key for key in before.state_dict() if "edge_maps" in key or ".edges." in key]


@over_models
def test_it_begins_as_the_model_of_a_graph_without(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    plain, graph = edge_graph(only=()), edge_graph(only=("edge_features", "edge_time"))
    before = fresh(name, task_of(plain), small_settings)
    after = fresh(name, task_of(graph), small_settings, noise=0.0)
    own = after.state_dict()
    assert all(torch.equal(value, own[key]) for key, value in before.state_dict().items())
    torch.testing.assert_close(outcome(after, graph), outcome(before, plain))
    assert [key for key in own if "edge_maps" in key]


@over_models
def test_equal_weights_are_none_bit_by_bit(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    plain = edge_graph(only=())
    weighted = plain.replace(
        relations={
            key: replace(edges, weight=torch.full((edges.nnz,), 2.5), _cache={})
            for key, edges in plain.relations.items()
        }
    )
    before = fresh(name, task_of(plain), small_settings)
    after = fresh(name, task_of(weighted), small_settings)
    assert torch.equal(outcome(after, weighted), outcome(before, plain))


@over_models
@pytest.mark.parametrize("only", [(), ("edge_features",)])
def test_edges_of_weight_0_are_no_edges(
    name: str, only: tuple[str, ...], edge_graph: MakeGraph, small_settings: Small
) -> None:
    graph, key = edge_graph(only=only), EdgeType("paper", "cites", "paper")
    kept = torch.arange(graph.relations[key].nnz) % 3 > 0
    zeroed = replace(graph.relations[key], weight=kept.float(), _cache={})
    marked, without = (
        graph.replace(relations={**graph.relations, key: cites})
        for cites in (zeroed, zeroed.select(kept))
    )
    method = fresh(name, task_of(marked), small_settings)
    expected = outcome(method, without)
    torch.testing.assert_close(outcome(method, marked), expected)
    assert not torch.allclose(outcome(fresh(name, task_of(graph), small_settings), graph), expected)


@over_models
def test_one_relation_with_features_and_one_without_edges(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    graph = edge_graph(only=("edge_features",))
    plain = edge_graph(only=())
    cites = EdgeType("paper", "cites", "paper")
    one = plain.replace(relations={**plain.relations, cites: graph.relations[cites]})
    method = fresh(name, task_of(one), small_settings)
    changed = plain.replace(
        relations={
            **plain.relations,
            cites: edge_graph(only=("edge_features",), salt=2).relations[cites],
        }
    )
    assert not torch.allclose(outcome(method, one), outcome(method, changed), atol=1e-3)
    src, dst = one.relations[cites].edges()
    empty = one.without_edges(cites, src, dst)
    assert empty.schema.edge_types[cites].feature_dim == 3
    result = outcome(method, empty)
    assert bool(torch.isfinite(result).all())
    torch.testing.assert_close(result, outcome(fresh(name, task_of(empty), small_settings), empty))


@over_models
def test_all_parameters_are_learned(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    task = task_of(edge_graph())
    method = fresh(name, task, small_settings, noise=0.0).train()
    inputs, (stage,) = method.prepare(task, seeds=SEEDS), method.stages()
    batch = next(iter(method.batches(inputs, "train", stage=stage, batch_size=12)))
    method.training_step(batch, stage=stage).total.backward()
    maps = {k: p.grad for k, p in method.named_parameters() if "edge_maps" in k}
    assert len(maps) > 4
    assert not [key for key, grad in maps.items() if grad is None or not bool(grad.any())]


@over_models
def test_links_are_predicted_and_learned_once_more(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    """The validation links that join the graph for the last training carry something, too."""
    graph, key = edge_graph(num_edges=120), EdgeType("author", "writes", "paper")
    pairs = torch.unique(torch.stack(graph.relations[key].edges()), dim=1)
    held = pairs[:, ::4]
    links = Links((key,), held[:, ::2], held[:, 1::2])
    dataset = Dataset("toy/links", graph.without_edges(key, *held), links, task="link-prediction")
    options = {"negatives": "uniform"}
    task = make_task(dataset, seeds=SEEDS, options=options)
    method = fresh(name, task, small_settings)
    for view in (task, task.refit_view()):
        inputs, (stage,) = method.prepare(view, seeds=SEEDS), method.stages()
        batch = next(iter(method.batches(inputs, "train", stage=stage, batch_size=30)))
        assert bool(torch.isfinite(method.training_step(batch, stage=stage).total))


@over_models
def test_half_precision(name: str, edge_graph: MakeGraph, small_settings: Small) -> None:
    task = task_of(edge_graph())
    method = fresh(name, task, small_settings)
    inputs, (stage,) = method.prepare(task, seeds=SEEDS), method.stages()
    batch = next(iter(method.batches(inputs, "train", stage=stage, batch_size=12)))
    exact = method.training_step(batch, stage=stage).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = method.training_step(batch, stage=stage).total
    total.backward()
    torch.testing.assert_close(total.float(), exact, rtol=0.05, atol=0.05)


@over_models
def test_what_was_fitted_is_saved(
    name: str, edge_graph: MakeGraph, small_settings: Small, tmp_path: Path
) -> None:
    graph = edge_graph()
    method = fresh(name, task_of(graph), small_settings)
    outcome(method, graph)
    method.save(tmp_path / "model")
    loaded = Method.load(tmp_path / "model")
    keys = [key for key, edges in graph.relations.items() if edges.weight is not None]
    heavier = graph.replace(
        relations={
            **graph.relations,
            **{
                key: replace(edges, weight=edges.weight * 5, _cache={})
                for key, edges in graph.relations.items()
                if key in keys
            },
        }
    )
    expected = outcome(method, heavier)
    assert torch.equal(outcome(loaded, heavier), expected)
    assert not torch.allclose(expected, outcome(method, graph), atol=1e-4)


@over_models
def test_negative_weights_are_refused_with_a_cure(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    graph = edge_graph(only=("weight",))
    key = EdgeType("author", "writes", "paper")
    below = replace(graph.relations[key], weight=-graph.relations[key].weight, _cache={})
    graph = graph.replace(relations={**graph.relations, key: below}, reverses=())
    with pytest.raises(DataError, match=r"60 negative weights.*model\.edge_weights=false"):
        outcome(fresh(name, task_of(graph), small_settings), graph)
    outcome(fresh(name, task_of(graph), small_settings, edge_weights=False), graph)


@over_models
def test_relevance_is_that_of_the_attention_in_use(
    name: str, edge_graph: MakeGraph, small_settings: Small
) -> None:
    if name == "gat":
        pytest.skip("it has none")
    graph, other = edge_graph(), edge_graph(salt=2)
    method = fresh(name, task_of(graph), small_settings)
    rows = [
        [row.weight for row in method.relevance(method.prepare(task_of(given), seeds=SEEDS))]
        for given in (graph, other)
    ]
    assert rows[0] != pytest.approx(rows[1], abs=1e-5)


@over_models
def test_a_note_tells_what_is_switched_off(name: str, edge_graph: MakeGraph) -> None:
    dataset, cls = dataset_of(edge_graph()), models.get(name)
    assert unread_note(cls, cls.Config(), dataset) == ""
    note = unread_note(cls, cls.Config(**OFF), dataset)
    assert note.startswith(f"{name} does not read edge weights, edge features or edge times; its")


@over_models
def test_units_of_time_are_checked(name: str) -> None:
    with pytest.raises(Exception, match=r"model\.time_unit is 0"):
        models.get(name).Config(time_unit=0.0)
