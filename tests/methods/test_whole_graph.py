"""Encoders of the whole graph: what they read, and the method that trains them."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import CSR, EdgeType, HeteroGraph
from hetgraph.errors import DataError
from hetgraph.methods import GraphInputs, Method, Stage, WholeGraphEncoder, seed_rows
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.nn import FeatureEncoder
from hetgraph.ops import spmm
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

STAGE = Stage()


class OneHop(WholeGraphEncoder):
    """Authors as the sum of their papers, over a view that the method makes itself."""

    name = "one-hop"
    Config = MLPConfig

    def __init__(self, schema, spec, config):
        super().__init__(schema, spec, config)
        self.features = FeatureEncoder(schema, spec.num_nodes, ["paper"], config.hidden_dim)
        self.scale = nn.Parameter(torch.ones(()))
        self.dim, self.decoder_dropout = config.hidden_dim, config.dropout

    def views(self, task: Task, seeds: Seeds) -> dict[str, CSR]:
        key = task.graph.schema.edge_type("written_by")
        return {"mean": task.graph.relations[key].normalized("row")}

    def vectors(self, inputs: GraphInputs) -> dict[str, Tensor]:
        papers = self.features(inputs.features)["paper"]
        return {"author": spmm(inputs.views["mean"], papers) * self.scale}

    def losses(self, batch, encoded):
        return {"scale": 0.1 * self.scale.square()}


@pytest.fixture
def task(random_graph) -> Task:
    return wrap(random_graph(num_nodes=40, num_edges=150))


def wrap(graph: HeteroGraph, *, multi: bool = False) -> Task:
    classes = torch.arange(36) % 3
    target = nn.functional.one_hot(classes, 3).bool() if multi else classes
    labels = Labels("author", 3, torch.arange(36), target, multi)
    split = Split(torch.arange(20), torch.arange(20, 26), torch.arange(26, 36))
    return make_task(Dataset("toy/full", graph, labels, {"fixed": split}))


def build(task: Task, cls=OneHop, **config):
    config = MLPConfig(**{"hidden_dim": 8, "dropout": 0.0, **config})
    model = cls.for_task(task, config)
    return model, model.prepare(task, seeds=Seeds())


def batches(model, inputs, **options):
    given = {"stage": STAGE, "batch_size": 8, **options}
    return list(model.batches(inputs, "train", **given))


def test_inputs_hold_what_the_model_may_see(task):
    _, made = build(task)
    inputs = made.encoder
    assert set(inputs.features) == {"author", "paper", "term"}
    assert inputs.features["term"] is None
    assert set(inputs.relations) == set(task.graph.relations)
    assert EdgeType("paper", "written_by", "author") in inputs.relations
    assert {split: ids.numel() for split, ids in made.head.rows.items()} == {
        "train": 20,
        "valid": 6,
        "test": 10,
    }
    assert bool((made.head.labels[26:] == -1).all())
    assert list(inputs.views) == ["mean"]


def test_rows_of_seeds_are_in_their_order():
    x = torch.arange(6.0).reshape(3, 2)
    found = seed_rows({"a": x, "b": x + 1, "c": x}, {"a": torch.tensor([2, 0, 2]), "b": None})
    assert set(found) == {"a", "b"}
    assert torch.equal(found["a"], x[[2, 0, 2]])
    assert found["b"].tolist() == (x + 1).tolist()


def test_a_view_without_test_split_is_prepared_and_trained_on(task):
    model, inputs = build(task.without_test())
    assert set(inputs.head.rows) == {"train", "valid"}
    for batch in batches(model, inputs):
        model.training_step(batch, stage=STAGE).total.backward()
    assert model.predict(inputs, "valid").values.shape == (6, 3)
    with pytest.raises(KeyError, match="test"):
        model.predict(inputs, "test")


def test_batches_cover_the_split_once_in_a_seeded_order(task):
    model, inputs = build(task)

    def order(seed):
        generator = torch.Generator().manual_seed(seed)
        return [
            batch.seeds["author"].tolist() for batch in batches(model, inputs, generator=generator)
        ]

    assert [len(rows) for rows in order(1)] == [8, 8, 4]
    assert sorted(chain.from_iterable(order(1))) == list(range(20))
    assert order(1) == order(1)
    assert order(1) != order(2)


@pytest.mark.parametrize("multi", [False, True])
def test_the_loss_is_the_tasks_on_the_rows_of_the_batch(task, multi):
    task = wrap(task.graph, multi=multi)
    model, inputs = build(task)
    batch = batches(model, inputs)[0]
    loss = model.training_step(batch, stage=STAGE)
    rows = batch.seeds["author"]
    assert torch.equal(batch.samples.labels, task.labels[rows])
    logits = model.head.decoder(model.encoder.vectors(inputs.encoder)["author"])[rows]
    torch.testing.assert_close(loss.terms["task"], task.criterion()(logits, task.labels[rows]))
    torch.testing.assert_close(loss.total, loss.terms["task"] + 0.1)
    assert loss.count == 8


def test_an_empty_batch_has_no_loss_but_a_gradient(task):
    model, inputs = build(task, cls=MLP)
    (batch,) = batches(model, inputs, shard=(31, 32), batch_size=20)
    assert batch.seeds["author"].numel() == 0
    loss = model.training_step(batch, stage=STAGE)
    assert loss.count == 0
    assert loss.total.item() == 0.0
    loss.total.backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert not bool(parameter.grad.any())


def test_predictions_are_the_head_of_the_embedding(task):
    model, inputs = build(task)
    model.eval()
    embedded = model.embed(inputs, "valid")
    assert embedded.shape == (6, model.encoder.dim)
    assert torch.equal(model.predict(inputs, "valid").values, model.head.decoder(embedded))


def test_vectors_of_nodes_are_saved_and_loaded(task, tmp_path):
    """The number of nodes travels with the task's description, so a lookup finds its size."""
    bare = wrap(task.graph.with_features("author", None))
    assert bare.spec.num_nodes == bare.graph.num_nodes
    model, inputs = build(bare, cls=MLP)
    assert model.encoder.features["author"].weight.shape == (40, 8)
    model.save(tmp_path / "model")
    loaded = Method.load(tmp_path / "model")
    assert loaded.spec == bare.spec
    assert hash(loaded.spec) == hash(bare.spec)
    model.eval()
    assert torch.equal(loaded.predict(inputs, "test").values, model.predict(inputs, "test").values)


def test_vectors_of_nodes_meet_other_nodes(task):
    """Types without features have one vector per node, so their number is part of the model."""
    bare = wrap(task.graph.with_features("author", None))
    model, _ = build(bare, cls=MLP)
    authors = torch.arange(bare.graph.num_nodes["author"] - 1)
    nodes = {k: torch.arange(n) for k, n in bare.graph.num_nodes.items()} | {"author": authors}
    fewer = wrap(bare.graph.subgraph(nodes))
    with pytest.raises(DataError, match="number of 'author' nodes 39, expected 40"):
        model.prepare(fewer, seeds=Seeds())
