from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import hetgraph
from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph, Relation
from hetgraph.errors import BudgetError, ConfigError, MetaPathError
from hetgraph.metapaths import compose
from hetgraph.metapaths import registry as metapath_registry
from hetgraph.models.han import HAN, HANConfig
from hetgraph.runs.plan import bind_metapaths, make_plan
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

APA, APTPA = "author-paper-author", "author-paper-term-paper-author"


@pytest.fixture
def dataset(random_graph: object) -> Dataset:
    graph: HeteroGraph = random_graph(num_nodes=20)  # type: ignore[operator]
    ids = torch.arange(18)
    split = Split(ids[:10], ids[10:14], ids[14:])
    labels = Labels("author", 3, ids, ids % 3)
    return Dataset("toy/han", graph, labels, {"default": split}, metapaths={"own": APA})


@pytest.fixture
def task(dataset: Dataset) -> Task:
    return make_task(dataset)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(metapath_registry, "_registered", {})
    return None


def build(task: Task, **options: object) -> HAN:
    return HAN(task.graph.schema, task.spec, HANConfig(**options))  # type: ignore[arg-type]


def test_views_are_the_composed_patterns_with_self_loops(task: Task) -> None:
    model = build(task, metapaths=(APA, f"terms={APTPA}"))
    views = model.prepare(task, seeds=Seeds()).views
    assert list(views) == [APA, "terms"]
    for text, view in zip((APA, APTPA), views.values(), strict=True):
        expected = (compose(task.graph, text).to_dense() > 0) | torch.eye(20, dtype=torch.bool)
        assert torch.equal(view.to_dense() > 0, expected)
        assert view.weight is None
    plain = build(task, metapaths=(APA,), self_loops=False).prepare(task, seeds=Seeds()).views
    assert torch.equal(plain[APA].to_dense(), compose(task.graph, APA).to_dense())


def test_without_metapaths_the_schema_gives_them(task: Task) -> None:
    assert build(task).labels == (APA, APTPA)


def test_a_function_may_be_a_metapath(dataset: Dataset, registry: None) -> None:
    """Registered by a user, taken by its name: nothing in the library knows of it."""

    def neighbours(graph: HeteroGraph) -> tuple[str, str, Relation]:
        ids = torch.arange(graph.num_nodes["author"])
        ring = Relation.from_edges(ids, ids.roll(1), ids.numel(), ids.numel())
        return "author", "author", ring

    hetgraph.register_metapath("toy/han", "ring", neighbours)
    plan = make_plan(HAN, "toy/han", metapaths=["ring", APA])
    config = bind_metapaths(plan, dataset).config
    assert config.metapaths == ("ring", APA)
    task = make_task(dataset)
    model = HAN.for_task(task, config)
    inputs = model.prepare(task, seeds=Seeds())
    expected = torch.eye(20).roll(-1, 0) + torch.eye(20)
    assert torch.equal(inputs.encoder.views["ring"].to_dense(), expected)
    assert bool(torch.isfinite(model.predict(inputs, "test").values).all())


def test_the_data_set_gives_paths_by_name(dataset: Dataset) -> None:
    config = bind_metapaths(make_plan(HAN, "toy/han"), dataset).config
    assert config.metapaths == (f"own={APA}",)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (("author-paper",), "from 'author' to 'paper'"),
        ((APA, f"{APA} "), "only 1 of them differ"),
        (("author-term",), "term"),
    ],
)
def test_wrong_paths_are_refused(task: Task, paths: tuple[str, ...], message: str) -> None:
    with pytest.raises(MetaPathError, match=message):
        build(task, metapaths=paths).prepare(task, seeds=Seeds())


def test_the_memory_budget_holds(task: Task) -> None:
    with pytest.raises(BudgetError, match="budget"):
        build(task, metapaths=(APTPA,), memory_budget="100B").prepare(task, seeds=Seeds())


def test_sampling_follows_its_seed(task: Task) -> None:
    model = build(task, metapaths=(APTPA,), max_neighbors=2)
    drawn, same = (model.prepare(task, seeds=Seeds()).views[APTPA] for _ in range(2))
    other = model.prepare(task, seeds=Seeds.from_seed(1)).views[APTPA]
    assert int(drawn.degree.max()) <= 3  # two and the node itself
    assert torch.equal(drawn.indices, same.indices)
    assert drawn.indices.tolist() != other.indices.tolist()


@pytest.mark.parametrize("share", [True, False])
def test_every_parameter_of_two_layers_learns(task: Task, share: bool) -> None:
    config = HANConfig(metapaths=(APA, APTPA), num_layers=2, share_projection=share, dropout=0.0)
    model = HAN.for_task(task, config).train()
    inputs = model.prepare(task, seeds=Seeds())
    batch = next(model.batches(inputs, "train", stage=model.stages()[0], batch_size=10))
    model.training_step(batch, stage=model.stages()[0]).total.backward()
    assert [key for key, p in model.named_parameters() if not bool(p.grad.any())] == []


def test_relevance_is_the_weight_of_each_path(task: Task) -> None:
    config = HANConfig(metapaths=(APA, APTPA), num_layers=2)
    model = HAN.for_task(task, config).train()
    inputs = model.prepare(task, seeds=Seeds())
    rows = model.relevance(inputs)
    assert [(row.relation, row.order) for row in rows] == [
        (APA, 0),
        (APTPA, 0),
        (APA, 1),
        (APTPA, 1),
    ]
    for order in (0, 1):
        assert sum(row.weight for row in rows if row.order == order) == pytest.approx(1.0)
    assert {row.node_type for row in rows} == {row.source for row in rows} == {"author"}
    assert model.training

    with torch.no_grad():
        views, features = inputs.encoder.views, inputs.encoder.features["author"]
        _, expected = model.encoder.layers[0].eval()(list(views.values()), features)
    assert [row.weight for row in rows[:2]] == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("name", "value"), [("num_heads", 0), ("max_neighbors", 0), ("dropout", 1.0)]
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"model.{name}"):
        HANConfig(**{name: value})  # type: ignore[arg-type]
