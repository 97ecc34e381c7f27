"""The part of the contract that full-graph methods share."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from hetgraph.catalog import Dataset, NodeLabels, Split
from hetgraph.data import CSR, EdgeType, HeteroGraph
from hetgraph.errors import DataError
from hetgraph.methods import Method, Stage
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.nn import FeatureEncoder, FullGraphModel, GraphInputs
from hetgraph.ops import spmm
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

STAGE = Stage()


class OneHop(FullGraphModel):
    """Authors as the sum of their papers, over a view that the method makes itself."""

    name = "one-hop"
    Config = MLPConfig

    def __init__(self, schema, spec, config):
        super().__init__(schema, spec, config)
        self.features = FeatureEncoder(schema, spec, ["paper"], config.hidden_dim)
        self.scale = nn.Parameter(torch.ones(()))
        self.make_head(config.hidden_dim, config.dropout)

    def views(self, task: Task, seeds: Seeds) -> dict[str, CSR]:
        key = task.graph.schema.edge_type("written_by")
        return {"mean": task.graph.relations[key].normalized("row")}

    def encode(self, inputs: GraphInputs) -> Tensor:
        return spmm(inputs.views["mean"], self.features(inputs.features)["paper"]) * self.scale

    def regularization(self, batch):
        return {"scale": 0.1 * self.scale.square()}


@pytest.fixture
def task(random_graph) -> Task:
    return wrap(random_graph(num_nodes=40, num_edges=150))


def wrap(graph: HeteroGraph, *, multi: bool = False) -> Task:
    classes = torch.arange(36) % 3
    target = nn.functional.one_hot(classes, 3).bool() if multi else classes
    labels = NodeLabels("author", 3, torch.arange(36), target, multi)
    split = Split(torch.arange(20), torch.arange(20, 26), torch.arange(26, 36))
    return make_task(Dataset("toy/full", graph, labels, {"fixed": split}))


def build(task: Task, cls=OneHop, **config):
    config = MLPConfig(**{"hidden_dim": 8, "dropout": 0.0, **config})
    model = cls(task.graph.schema, task.spec, config)
    return model, model.prepare(task, seeds=Seeds())


def batches(model, inputs, **options):
    given = {"stage": STAGE, "batch_size": 8, **options}
    return list(model.batches(inputs, "train", **given))


def test_inputs_hold_what_the_model_may_see(task):
    _, inputs = build(task)
    assert set(inputs.features) == {"author", "paper", "term"}
    assert inputs.features["term"] is None
    assert set(inputs.relations) == set(task.graph.relations)
    assert EdgeType("paper", "written_by", "author") in inputs.relations
    assert {part: ids.numel() for part, ids in inputs.rows.items()} == {
        "train": 20,
        "valid": 6,
        "test": 10,
    }
    assert bool((inputs.labels[26:] == -1).all())
    assert list(inputs.views) == ["mean"]


def test_a_view_without_test_part_is_prepared_and_trained_on(task):
    model, inputs = build(task.without_test())
    assert set(inputs.rows) == {"train", "valid"}
    for batch in batches(model, inputs):
        model.training_step(batch, stage=STAGE).total.backward()
    assert model.predict(inputs, "valid").shape == (6, 3)
    with pytest.raises(KeyError, match="test"):
        model.predict(inputs, "test")


def test_batches_cover_the_part_once_in_a_seeded_order(task):
    model, inputs = build(task)

    def order(seed):
        generator = torch.Generator().manual_seed(seed)
        return [batch.rows.tolist() for batch in batches(model, inputs, generator=generator)]

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
    logits = model.head(model.encode(inputs))[batch.rows]
    torch.testing.assert_close(loss.terms["task"], task.loss(logits, task.labels[batch.rows]))
    torch.testing.assert_close(loss.total, loss.terms["task"] + 0.1)
    assert loss.count == 8


def test_an_empty_batch_has_no_loss_but_a_gradient(task):
    model, inputs = build(task, cls=MLP)
    (batch,) = batches(model, inputs, shard=(31, 32), batch_size=20)
    assert batch.rows.numel() == 0
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
    assert embedded.shape == (6, model.embed_dim)
    assert torch.equal(model.predict(inputs, "valid"), model.head(embedded))


def test_vectors_of_nodes_are_saved_and_loaded(task, tmp_path):
    """The number of nodes travels with the task's description, so a lookup finds its size."""
    bare = wrap(task.graph.with_features("author", None))
    assert bare.spec.num_nodes == bare.graph.num_nodes
    model, inputs = build(bare, cls=MLP)
    assert model.features["author"].weight.shape == (40, 8)
    model.save(tmp_path / "model")
    loaded = Method.load(tmp_path / "model")
    assert loaded.spec == bare.spec
    assert hash(loaded.spec) == hash(bare.spec)
    model.eval()
    assert torch.equal(loaded.predict(inputs, "test"), model.predict(inputs, "test"))


def test_vectors_of_nodes_meet_other_nodes(task):
    """Types without features have one vector a node, so their number is part of the model."""
    bare = wrap(task.graph.with_features("author", None))
    model, _ = build(bare, cls=MLP)
    authors = torch.arange(bare.graph.num_nodes["author"] - 1)
    nodes = {k: torch.arange(n) for k, n in bare.graph.num_nodes.items()} | {"author": authors}
    fewer = wrap(bare.graph.subgraph(nodes))
    with pytest.raises(DataError, match="number of 'author' nodes 39, expected 40"):
        model.prepare(fewer, seeds=Seeds())
