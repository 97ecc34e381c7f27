"""RpHGNN under the common contract: batches, losses, training, relevance."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, SchemaError
from hetgraph.methods import EncoderMethod, MethodInputs, Stage
from hetgraph.models.rphgnn import RpHGNN, RpHGNNConfig
from hetgraph.models.rphgnn import prepare as preparation
from hetgraph.models.rphgnn.relevance import slot_effects
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec, make_task

CONFIG = RpHGNNConfig(iterations=2, noise_dim=8, hidden_dim=16, input_dropout=0.0, dropout=0.0)
STAGE = Stage()


def wrap(graph: HeteroGraph, *, multi: bool = False, target: torch.Tensor | None = None) -> Task:
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(3, (64,), generator=generator) if target is None else target
    if multi:
        classes = torch.nn.functional.one_hot(classes, 3).bool()
    labels = Labels("paper", 3, torch.arange(64), classes, multi)
    split = Split(torch.arange(30), torch.arange(30, 40), torch.arange(40, 64))
    return make_task(Dataset("toy/m", graph, labels, {"fixed": split}))


@pytest.fixture
def task(random_graph) -> Task:
    return wrap(random_graph(2, num_nodes=60, num_edges=200))


def build(task: Task, config: RpHGNNConfig = CONFIG) -> tuple[EncoderMethod, MethodInputs]:
    torch.manual_seed(1)
    model = RpHGNN.for_task(task, config)
    return model, model.prepare(task, seeds=Seeds())


def fit(model, inputs, steps, lr=1e-2):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        for batch in model.batches(inputs, "train", stage=STAGE, batch_size=100):
            optimizer.zero_grad()
            model.training_step(batch, stage=STAGE).total.backward()
            optimizer.step()
    return model.eval()


def test_batches_cover_the_split_in_a_seeded_order(task):
    model, inputs = build(task)

    def rows(split="train", seed=None, **options):
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        options = {"batch_size": 8, **options}
        batches = model.batches(inputs, split, stage=STAGE, generator=generator, **options)
        return [batch.seeds["paper"].tolist() for batch in batches]

    assert list(chain(*rows())) == list(range(30))
    assert [len(batch) for batch in rows()] == [8, 8, 8, 6]
    assert rows(seed=1) == rows(seed=1)
    assert rows(seed=1) != rows(seed=2)
    assert sorted(chain(*rows(seed=1))) == list(range(30))
    halves = [rows(seed=3, shard=(rank, 2)) for rank in range(2)]
    assert [a + b for a, b in zip(*halves, strict=True)] == rows(seed=3)


def test_64_nodes_can_be_learnt_by_heart(random_graph):
    task = wrap(random_graph(3, num_nodes=80, num_edges=300))
    model, inputs = build(task, replace(CONFIG, hidden_dim=64))
    fit(model, inputs, 200)
    predicted = model.predict(inputs, "train").values.argmax(dim=1)
    assert torch.equal(predicted, task.labels[task.index("train")])


@pytest.mark.parametrize("multi", [False, True])
def test_loss_of_a_step_is_the_loss_of_the_task(random_graph, multi):
    task = wrap(random_graph(2, num_nodes=60, num_edges=200), multi=multi)
    model, inputs = build(task)
    (batch,) = model.batches(inputs, "train", stage=STAGE, batch_size=100)
    loss = model.training_step(batch, stage=STAGE)
    predicted = model.predict(inputs, "train").values
    expected = task.criterion()(predicted, task.labels[task.index("train")])
    torch.testing.assert_close(loss.total.detach(), expected)
    assert loss.count == 30


def test_predictions_are_the_same_in_blocks_of_any_size(task, monkeypatch):
    model, inputs = build(task)
    model.eval()
    whole = model.predict(inputs, "test").values
    monkeypatch.setattr("hetgraph.methods.encoder_method.BLOCK_ROWS", 5)
    torch.testing.assert_close(model.predict(inputs, "test").values, whole)
    assert model.embed(inputs, "test").shape == (24, 16 * 6)
    torch.testing.assert_close(model.head.decoder(model.embed(inputs, "test")), whole)


def test_consistency_recipe_trains_on_all_nodes_without_their_labels(task):
    config = replace(CONFIG, labels=True, consistency_views=3, input_dropout=0.3, dropout=0.3)
    model, inputs = build(task, config)
    (batch,) = model.batches(inputs, "train", stage=STAGE, batch_size=100)
    assert batch.seeds["paper"].numel() == 64
    labelled = torch.isin(batch.seeds["paper"], task.index("train"))
    assert int(labelled.sum()) == 30
    torch.manual_seed(0)
    loss = model.training_step(batch, stage=STAGE)
    assert set(loss.terms) == {"supervised", "consistency"}
    assert loss.count == 64
    torch.manual_seed(0)
    batch.samples.labels[~labelled] = 2
    other = model.training_step(batch, stage=STAGE)
    assert torch.equal(loss.total, other.total)
    fit(model, inputs, 30)
    assert model.predict(inputs, "valid").values.shape == (10, 3)
    (batch,) = model.batches(inputs, "valid", stage=STAGE, batch_size=100)
    assert batch.seeds["paper"].numel() == 10


def test_consistency_with_several_labels_per_node(random_graph):
    task = wrap(random_graph(2, num_nodes=60, num_edges=200), multi=True)
    for loss in ("bce", "kl"):
        model, inputs = build(task, replace(CONFIG, consistency_views=2, loss=loss, labels=True))
        (batch,) = model.batches(inputs, "train", stage=STAGE, batch_size=100)
        assert bool(torch.isfinite(model.training_step(batch, stage=STAGE).total))


def test_relevance_has_a_row_for_each_group_and_slot(task):
    model, inputs = build(task)
    rows = model.relevance(inputs)
    assert len(rows) == sum(slots for slots, _ in model.encoder.layout.shapes)
    slots = model.encoder.layout.names
    assert [(row.relation, row.order) for row in rows] == [slot for own in slots for slot in own]
    assert {row.node_type for row in rows} == {"paper"}
    assert sum(row.weight for row in rows) == pytest.approx(1)
    assert model.training
    by_class = model.relevance(inputs, task.labels)
    assert by_class[: len(rows)] == rows
    assert {row.label for row in by_class} == {None, 0, 1, 2}


def test_a_slot_that_nothing_reads_has_no_effect(task):
    model, inputs = build(task)
    network = model.encoder.network
    with torch.no_grad():
        network.filters[0].weight[:, 1].zero_()
        network.groups[1][0].weight.zero_()
    weights = {(row.relation, row.order): row.weight for row in model.relevance(inputs)}
    names = model.encoder.layout.names
    assert weights[names[0][1]] == 0
    assert all(weights[slot] == 0 for slot in names[1])
    assert weights[names[0][0]] > 0


def test_the_effect_of_a_slot_is_its_way_to_the_mean():
    """Of a linear network with one output it is exact: what the slot adds to the difference."""
    generator = torch.Generator().manual_seed(0)
    slabs = [torch.randn(5, 2, 3, generator=generator), torch.randn(5, 1, 4, generator=generator)]
    maps = [torch.randn(2, 3, generator=generator), torch.randn(1, 4, generator=generator)]

    def outputs(given):
        return sum((x * w).sum((1, 2)) for x, w in zip(given, maps, strict=True))[:, None]

    parts = torch.cat([(x * w).sum(2) for x, w in zip(slabs, maps, strict=True)], dim=1)
    expected = (parts - parts.mean(0)).abs()
    found = slot_effects(outputs, slabs, torch.device("cpu"))
    torch.testing.assert_close(found, expected / expected.sum(1, keepdim=True))


def test_valid_and_test_labels_change_no_step(task):
    changed = task.labels.clone().clamp(min=0)
    changed[30:] = (changed[30:] + 1) % 3
    other = wrap(task.graph, target=changed[:64])
    losses = []
    for variant in (task, other):
        model, inputs = build(variant, replace(CONFIG, labels=True))
        (batch,) = model.batches(inputs, "train", stage=STAGE, batch_size=100)
        losses.append(model.training_step(batch, stage=STAGE).total.detach())
    assert torch.equal(*losses)


def test_impossible_choices_are_refused():
    alone = HeteroGraph(
        num_nodes={"a": 2, "b": 2},
        relations={
            EdgeType("b", "to", "b"): Relation.from_edges(
                torch.tensor([0]), torch.tensor([1]), 2, 2
            )
        },
    )
    with pytest.raises(SchemaError, match="no relation touches 'a'"):
        RpHGNN(alone.schema, TaskSpec("node-classification", "a", 2), CONFIG)
    with pytest.raises(SchemaError, match="unknown node type 'c'"):
        RpHGNN(alone.schema, TaskSpec("node-classification", "c", 2), CONFIG)


def test_a_loss_that_does_not_fit_is_refused_before_the_propagation(random_graph, monkeypatch):
    def refuse(*args: object) -> None:
        raise AssertionError("propagated")

    monkeypatch.setattr(preparation, "fill", refuse)
    task = wrap(random_graph(2, num_nodes=60, num_edges=200), multi=True)
    with pytest.raises(ConfigError, match="does not fit several labels"):
        build(task, replace(CONFIG, loss="cross_entropy"))


def test_bf16_autocast_trains(task):
    model, inputs = build(task)
    (batch,) = model.batches(inputs, "train", stage=STAGE, batch_size=100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model.training_step(batch, stage=STAGE).total
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters())


def test_models_are_found_by_class_name():
    import hetgraph.models as models

    assert models.RpHGNN is RpHGNN
    assert models.rphgnn.RpHGNN is RpHGNN
    with pytest.raises(AttributeError):
        _ = models.RPHGNN
    with pytest.raises(AttributeError):
        _ = models.Nothing
