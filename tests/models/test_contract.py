"""What every registered method must hold, run by name for one family of each kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, EdgeValues, Labels, Links, Values
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.explain.flow import SEVERAL, label_ends, source_type
from hetgraph.methods import SELF, RelevanceRow, offers
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task, task_class

BUYS, NEAR = EdgeType("user", "buys", "item"), EdgeType("item", "near", "item")
CASES: Mapping[str, tuple[str, EdgeType]] = {
    "node-classification": ("node-classification", BUYS),
    "node-importance": ("node-importance", BUYS),
    "link-prediction": ("link-prediction", BUYS),
    "links within a type": ("link-prediction", NEAR),
    "recommendation": ("recommendation", BUYS),
    "edge-regression": ("edge-regression", BUYS),
    "edges within a type": ("edge-regression", NEAR),
}
"""Families of tasks, one of each kind of target, and the relation that is asked about."""

ONE_TYPE = ("lightgcn",)
"""Methods that tell users from items."""
PAIRS = [
    (case, offer.model)
    for case, (family, key) in CASES.items()
    for offer in offers()
    if offer.family == family and not offer.reason
    if key.src != key.dst or offer.model not in ONE_TYPE
]
WITHOUT_PARAMETERS = (
    *("constant", "degree", "hyperedge_mean", "pagerank", "personalized_pagerank"),
    "popularity",
)
WITHIN = ("links within a type", "edges within a type")
"""Cases for the checks that pairs of nodes of one type can break."""
OPTIONS: Mapping[str, Mapping[str, Any]] = {"link-prediction": {"negatives": "uniform"}}
PAIR_TARGETS = ("links", "edge_labels", "edge_values")
MONITORS = {"recommendation": "recall@20", "node-importance": "spearman"}
SEEDS = Seeds.from_seed(0)

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")

ONCE = list({name: (case, name) for case, name in reversed(PAIRS)}.values())
"""Each method in the first of its cases."""


def over(pairs: Sequence[tuple[str, str]], *, trained: bool = False) -> pytest.MarkDecorator:
    """A test for each pair of a case and a method, or of those that have parameters."""
    chosen = [pair for pair in pairs if not trained or pair[1] not in WITHOUT_PARAMETERS]
    return pytest.mark.parametrize(("case", "name"), chosen)


over_all, over_trained = over(PAIRS), over(PAIRS, trained=True)
over_families = over([pair for pair in PAIRS if pair[0] not in WITHIN])


@pytest.fixture
def dataset(case: str, shop: Callable[..., Dataset]) -> Dataset:
    return shop(*CASES[case])


def made(dataset: Dataset, seeds: Seeds = SEEDS) -> Task:
    return make_task(dataset, seeds=seeds, options=OPTIONS.get(dataset.task))


@pytest.fixture
def task(dataset: Dataset) -> Task:
    return made(dataset)


@pytest.fixture
def contract(
    dataset: Dataset, contract_of: Callable[..., Any], small_settings: Mapping[str, Any]
) -> Any:
    """What can be done with a method, with the tasks of the data set."""
    return contract_of(
        lambda seeds: made(dataset, seeds),
        monitor=MONITORS.get(dataset.task, "loss"),
        batch_size=30 if task_class(dataset.task).reads in PAIR_TARGETS else 8,
        settings=small_settings,
    )


def check_labels(rows: Sequence[RelevanceRow], graph: HeteroGraph) -> None:
    """Every label reads from where messages start to where they arrive, and names one row."""
    for row in rows:
        assert row.node_type in graph.num_nodes
        assert row.weight == row.weight
        assert row.relation not in {key.name for key in graph.relations}, "tells no direction"
        ends = label_ends(row.relation, graph.schema)
        if ends is None:
            assert row.relation.startswith(SELF) or row.source == row.node_type, row
        else:
            assert ends[1] == row.node_type, row
            assert source_type(row, graph.schema) in (ends[0], SEVERAL), row
    keys = [(row.node_type, row.relation, row.order) for row in rows]
    assert len(keys) == len(set(keys))


def is_of_nodes(task: Task) -> bool:
    return not task.spec.edge_types


@over_all
def test_shapes_and_scores(name: str, case: str, contract: Any, task: Task) -> None:
    """Of isolated nodes, too: the last one of each type is asked for."""
    assert task.audit().checks
    model = contract.build(name, task)
    assert bool(torch.isfinite(contract.outputs(model, task)).all())
    inputs = model.prepare(task, seeds=SEEDS)
    for split in ("train", "valid", "test"):
        with torch.no_grad():
            predictions = model.predict(inputs, split)
            embedded = model.embed(inputs, split)
        scores = task.score(predictions, split)
        assert set(scores) == {"loss", *task.monitors}
        assert all(value == value for value in scores.values())
        assert embedded.shape[0] == task.index(split).shape[-1]
        assert bool(torch.isfinite(embedded).all())
        if is_of_nodes(task):
            shape = (task.index(split).numel(), task.spec.num_outputs)
            assert task.to_tensor(predictions, split).shape == shape
    assert model.citation == models.get(name).citation != ""
    check_labels(model.relevance(inputs), task.graph)
    assert (model.stages() == ()) == (name in WITHOUT_PARAMETERS) == (not model.num_parameters())


@over_trained
def test_gradients_reach_every_parameter(name: str, case: str, contract: Any) -> None:
    assert not contract.dead_parameters(name, batch_size=1000)


@over_families
def test_the_order_of_edges_does_not_matter(
    name: str, case: str, contract: Any, dataset: Dataset, task: Task
) -> None:
    shuffled = {}
    for key, relation in dataset.graph.relations.items():
        src, dst = relation.edges()
        order = torch.randperm(src.numel())
        ends = (relation.num_src, relation.num_dst)
        shuffled[key] = Relation.from_edges(src[order], dst[order], *ends)
    other = made(replace(dataset, graph=dataset.graph.replace(relations=shuffled)))
    model = contract.build(name, task)
    assert torch.equal(contract.outputs(model, task), contract.outputs(model, other))


DRAWN = ("metahgnie",)
"""Walks are drawn in the order of the nodes, so these vectors change with it."""
HALF = ("rphgnn",)
"""Features are propagated in half precision."""


@over_all
def test_the_order_of_nodes_does_not_matter(
    name: str, case: str, contract: Any, dataset: Dataset, task: Task
) -> None:
    """Vectors that are learned for a node move with it."""
    if name in DRAWN:
        pytest.skip("its walks are drawn in the order of the nodes; the layers are tested alone")
    take = {key: torch.randperm(size) for key, size in dataset.graph.num_nodes.items()}
    place = {key: order.argsort() for key, order in take.items()}
    other = made(moved(dataset, take, place))
    model, twin = contract.build(name, task), contract.build(name, other)
    twin.load_state_dict(
        {key: moved_rows(value, place) for key, value in model.state_dict().items()}
    )
    expected = contract.outputs(model, task)
    if is_of_nodes(task):  # the same nodes in the same splits
        other._splits = {  # type: ignore[attr-defined]
            split: place["user"][ids] for split, ids in task.open_splits().items()
        }
        other._labels[place["user"]] = task.labels.clone()  # type: ignore[attr-defined]
        found = contract.outputs(twin, other)
    else:
        key = task.spec.edge_types[0]
        found = contract.outputs(twin, other)[place[key.src]][:, place[key.dst]]
    tolerance = 2e-2 if name in HALF else 1e-4
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=10 * tolerance)


def moved(dataset: Dataset, take: Mapping[str, Tensor], place: Mapping[str, Tensor]) -> Dataset:
    """The data set with other numbers of the nodes: node ``i`` becomes ``place[type][i]``."""
    graph = dataset.graph.subgraph(take)
    hypergraphs, splits = {}, dict(dataset.splits)
    starts = dict(zip(take, (0, *torch.tensor([*graph.num_nodes.values()]).cumsum(0).tolist())))  # noqa: B905
    joint = torch.cat([place[key] + starts[key] for key in take])
    for name, groups in dataset.hypergraphs.items():
        nodes, edges = groups.incidence.coo()
        hypergraphs[name] = type(groups).from_pairs(
            joint[nodes.long()], edges, groups.edge_type, num_nodes=graph.num_nodes
        )

    def ends(pairs: Tensor | None, key: EdgeType) -> Tensor:
        assert pairs is not None
        return torch.stack([place[key.src][pairs[0]], place[key.dst][pairs[1]]])

    target: Any = next(iter(dataset.targets.values()))
    if isinstance(target, (Labels, Values)):
        target = replace(target, index=place[target.node_type][target.index])
        splits = {
            name: type(split)(*(place["user"][ids] for ids in vars(split).values()))
            for name, split in splits.items()
        }
    elif isinstance(target, Links):
        key = target.edge_types[0]
        target = replace(target, valid=ends(target.valid, key), test=ends(target.test, key))
    else:
        target = replace(target, edges=ends(target.edges, target.edge_type))
    return replace(dataset, graph=graph, targets=target, splits=splits, hypergraphs=hypergraphs)


def moved_rows(value: Tensor, place: Mapping[str, Tensor]) -> Tensor:
    """A table of one row per node, of one type or of users and items, in the new order."""
    users, items = place["user"], place["item"]
    tables = (*place.values(), torch.cat([users, items + users.numel()]))
    for order in tables:
        if value.dim() and value.shape[0] == order.numel():
            return value[order.argsort()]
    return value


NAMED = ("higpt", "rphgnn")
"""Methods that read the names of types, or draw random projections by them."""


@over_families
def test_any_type_names_work(
    name: str, case: str, contract: Any, dataset: Dataset, task: Task
) -> None:
    graph, new = dataset.graph, {"user": "u.s r", "item": "__item__", "tag": "tags/δ"}
    edge = {
        key: EdgeType(new[key.src], f"{key.name}.x__y", new[key.dst]) for key in graph.relations
    }
    renamed = HeteroGraph(
        num_nodes={new[key]: size for key, size in graph.num_nodes.items()},
        relations={edge[key]: relation for key, relation in graph.relations.items()},
        features={new[key]: x for key, x in graph.features.items()},
        reverses=[(edge[a], edge[b]) for a, b in graph.schema.reverses],
    )
    target: Any = next(iter(dataset.targets.values()))
    if isinstance(target, Links):
        target = replace(target, edge_types=tuple(edge[key] for key in target.edge_types))
    elif isinstance(target, EdgeValues):
        target = replace(target, edge_type=edge[target.edge_type])
    else:
        target = replace(target, node_type=new[target.node_type])
    groups = {
        key: replace(group, node_types=renamed.num_nodes)
        for key, group in dataset.hypergraphs.items()
    }
    other = made(replace(dataset, graph=renamed, targets=target, hypergraphs=groups))
    model, twin = contract.build(name, task), contract.build(name, other)
    assert twin.num_parameters() == model.num_parameters()
    found = contract.outputs(twin, other)
    assert bool(torch.isfinite(found).all())
    if name not in NAMED:
        assert torch.equal(found, contract.outputs(model, task))


@over_families
def test_an_empty_relation_works(name: str, case: str, contract: Any, dataset: Dataset) -> None:
    graph = emptied(dataset.graph, "views")
    contract.check_works(name, made(replace(dataset, graph=graph)))


@over_families
def test_a_graph_without_other_edges_works(
    name: str, case: str, contract: Any, dataset: Dataset
) -> None:
    """All relations are there, but only the one that is asked about has edges."""
    asked = CASES[case][1].name if task_class(dataset.task).reads in PAIR_TARGETS else ""
    others = [key.name for key in dataset.graph.edge_types if not key.name.startswith("rev_")]
    graph = emptied(dataset.graph, *(other for other in others if other != asked))
    contract.check_works(name, made(replace(dataset, graph=graph)))


def emptied(graph: HeteroGraph, *names: str) -> HeteroGraph:
    """The graph without the edges of relations and their reverses."""
    for name in names:
        key = graph.schema.edge_type(name)
        graph = graph.without_edges(key, *graph.relations[key].edges())
    return graph


@over_families
def test_a_type_without_nodes_works(name: str, case: str, contract: Any, dataset: Dataset) -> None:
    graph = emptied(dataset.graph, "tagged")
    keep = {key: torch.arange(size) for key, size in graph.num_nodes.items()}
    graph = graph.subgraph({**keep, "tag": torch.arange(0)})
    groups = dataset.hypergraphs
    if groups:
        sets = [range(9), range(5, 22), [*range(8, 40, 3)]]
        made_of = type(groups["groups"]).from_sets(sets, [0, 1, 1], num_nodes=graph.num_nodes)
        groups = {"groups": made_of}
    contract.check_works(name, made(replace(dataset, graph=graph, hypergraphs=groups)))


@over_families
def test_types_without_features_work(name: str, case: str, contract: Any, dataset: Dataset) -> None:
    """Features of dim 0 are no features."""
    sizes = dataset.graph.num_nodes
    bare = dataset.graph.replace(features={})
    empty = bare.replace(features={key: torch.zeros(size, 0) for key, size in sizes.items()})
    tasks = [made(replace(dataset, graph=graph)) for graph in (bare, empty)]
    contract.check_works(name, tasks[1])
    outputs = [contract.outputs(contract.build(name, task), task) for task in tasks]
    assert torch.equal(*outputs)


@over_trained
def test_an_empty_batch_is_harmless(name: str, case: str, contract: Any) -> None:
    contract.check_empty_batch(name)


@over_families
def test_saved_models_predict_the_same(name: str, case: str, contract: Any, tmp_path: Path) -> None:
    contract.check_saving(name, tmp_path / "model")


@over_families
def test_another_graph_is_refused(
    name: str, case: str, contract: Any, dataset: Dataset, task: Task
) -> None:
    """A graph that lacks a relation, or whose features have another dim."""
    graph = dataset.graph
    model = contract.build(name, task)
    lacking = graph.without_relation("tagged")
    wider = graph.with_features("item", torch.randn(graph.num_nodes["item"], 9))
    for other, what in ((lacking, "edge types"), (wider, "features of 'item'")):
        with pytest.raises(DataError, match=f"made for another graph: {what}"):
            model.prepare(made(replace(dataset, graph=other)), seeds=SEEDS)


@over(ONCE, trained=True)
def test_same_seed_same_result(name: str, case: str, contract: Any) -> None:
    """In one family; in the others the test of interrupted trainings shows it, too."""
    first, other = contract.check_seeds(name)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@over([pair for pair in PAIRS if pair[0] not in WITHIN], trained=True)
def test_interrupted_and_resumed_is_the_same(
    name: str, case: str, contract: Any, tmp_path: Path
) -> None:
    """In the middle of the second epoch: an epoch has two batches."""
    contract.check_resuming(name, tmp_path, stop_at=3)


@over_all
def test_answers_of_held_out_samples_change_nothing(
    name: str, case: str, contract: Any, dataset: Dataset, task: Task
) -> None:
    """Other labels of validation and test leave the outputs and the training loss as they were."""
    other = made(replace(dataset, targets=other_answers(dataset, task)))
    if name not in WITHOUT_PARAMETERS:
        assert torch.equal(*[contract.first_loss(name, given) for given in (task, other)])
    outputs = [contract.outputs(contract.build(name, given), given) for given in (task, other)]
    assert torch.equal(*outputs)


def other_answers(dataset: Dataset, task: Task) -> Any:
    target: Any = next(iter(dataset.targets.values()))
    if isinstance(target, Links):
        return replace(target, test=torch.stack([target.test[0], target.test[1].flip(0)]))
    known = torch.ones(target.target.shape[0], dtype=torch.bool)
    known[task.index("train")] = False
    answers = target.target.clone()
    answers[known] = (answers[known] + 1) % 3 if isinstance(target, Labels) else answers[known] + 5
    return replace(target, target=answers)


@over([pair for pair in PAIRS if pair[0] not in (*WITHIN, "recommendation")])
def test_an_own_loss_is_trained_by_or_refused(name: str, case: str, contract: Any) -> None:
    """Recommendation takes none whatever the method; its own tests say so."""
    task, calls = contract.make(SEEDS), []

    def squares(predicted: Tensor, target: Tensor) -> Tensor:
        calls.append(len(target))
        return predicted.square().mean()

    own = task.with_functions(loss=squares)
    model = contract.build(name, task).train()
    if not model.reads_task_loss:
        with pytest.raises(ConfigError, match=f"'{name}' does not train .* loss= would not be"):
            model.prepare(own, seeds=SEEDS)
        return
    batch, stage = contract.first_batch(model, own)
    model.training_step(batch, stage=stage)
    assert calls


def test_label_smoothing_is_refused_by_a_method_with_a_loss_of_its_own(
    contract_of: Callable[..., Any], shop: Callable[..., Dataset], small_settings: Mapping[str, Any]
) -> None:
    dataset = shop(*CASES["node-classification"])
    options = {"label_smoothing": 0.1, "class_weights": "balanced"}
    task = make_task(dataset, seeds=SEEDS, options=options)
    build = contract_of(lambda _: task, settings=small_settings).build
    build("mlp", task).prepare(task, seeds=SEEDS)
    with pytest.raises(ConfigError, match=r"class_weights and task\.label_smoothing would not be"):
        build("higpt", task).prepare(task, seeds=SEEDS)
