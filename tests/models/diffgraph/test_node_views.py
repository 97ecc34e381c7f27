"""DiffGraph on nodes of one type: parameters, training and use, relevance, learning."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import CSR, EdgeSpec, FeatureSpec, HeteroGraph, Schema
from hetgraph.methods import EncoderMethod
from hetgraph.models.diffgraph import DiffGraph, DiffGraphConfig
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.models.diffgraph.node_views import NodeViews
from hetgraph.nn import metapath_relations
from hetgraph.nn.propagator import make_propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec, make_task

PATHS = ("author-paper-author", "author-paper-term-paper-author")
SEEDS = Seeds.from_seed(0)


@pytest.fixture
def task(random_graph: Callable[..., HeteroGraph]) -> Task:
    graph = random_graph(num_nodes=40, num_edges=150)
    features = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    ids = torch.arange(36)
    split = Split(ids[:20], ids[20:28], ids[28:])
    labels = Labels("author", 3, ids, ids % 3)
    graph = graph.with_features("author", features)
    return make_task(Dataset("toy/diffgraph", graph, labels, {"default": split}))


def build(task: Task, **settings: object) -> EncoderMethod:
    torch.manual_seed(0)
    config = DiffGraphConfig(**{"metapaths": PATHS, "hidden_dim": 8, **settings})  # type: ignore[arg-type]
    return DiffGraph.for_task(task, config)


def test_parameters_to_the_digit() -> None:
    """334 features of DBLP's authors; AMiner's papers have none, so they get a vector each."""
    spec = TaskSpec("node-classification", "node", 4, num_nodes={"node": 6564})
    for feature, positives, expected in (
        (FeatureSpec("sparse", 334), None, 30_604),
        (FeatureSpec(), 15, 429_324),
    ):
        schema = Schema({"node": feature}, {("node", "to", "node"): EdgeSpec()})
        config = DiffGraphConfig(metapaths=("node-node", "node-node-node"), positives=positives)
        assert DiffGraph.build(schema, spec, config).num_parameters() == expected


def views_of(model: EncoderMethod) -> NodeViews:
    assert isinstance(model.encoder, DiffGraph)
    assert isinstance(model.encoder.views, NodeViews)
    return model.encoder.views


def all_vectors(model: EncoderMethod, task: Task) -> torch.Tensor:
    return model.encode(model.prepare(task, seeds=SEEDS), {"author": None})["author"]


def test_target_view_plus_what_the_others_say(task: Task) -> None:
    model = build(task).eval()
    raw = task.graph.features["author"]
    network = views_of(model)
    x = network.features["author"](raw / raw.sum(1, keepdim=True))
    relations = metapath_relations(task.graph, "", ("author",), PATHS).values()
    encoded = [encode_view(make_propagator(relation), x, 3, "unit") for relation in relations]
    assert network.cross_view is not None
    expected = encoded[0] + network.cross_view.generate(encoded[1])
    torch.testing.assert_close(all_vectors(model, task), expected)


def test_the_loss_has_two_terms(task: Task) -> None:
    model = build(task, diffusion_weight=3.0).train()
    inputs = model.prepare(task, seeds=SEEDS)
    stage = model.stages()[0]
    batch = next(iter(model.batches(inputs, "train", stage=stage, batch_size=8)))
    torch.manual_seed(1)
    loss = model.training_step(batch, stage=stage)
    network, rows = views_of(model), batch.seeds["author"]
    target, source = network._views(inputs.encoder, rows)
    torch.manual_seed(1)
    made, error = network.cross_view(target, source)
    logits = model.head.decoder(target + made)
    expected = F.cross_entropy(logits, task.labels[rows])
    torch.testing.assert_close(loss.terms["task"], expected)
    torch.testing.assert_close(loss.terms["diffusion"], 3 * error.mean())


@pytest.mark.parametrize("fusion", ["diffusion", "autoencoder", "sum", "none"])
def test_fractions_of_the_views_add_up_to_one(task: Task, fusion: str) -> None:
    model = build(task, fusion=fusion, positives=5)
    inputs = model.prepare(task, seeds=SEEDS)
    rows = model.relevance(inputs, torch.arange(40) % 2)
    names = [*PATHS, "(positives)"] if fusion != "none" else [PATHS[0]]
    for label in (None, 0, 1):
        own = [row for row in rows if row.label == label]
        assert [row.relation for row in own] == names
        assert sum(row.weight for row in own) == pytest.approx(1.0, abs=1e-5)
    if fusion == "none":
        assert rows[0].weight == 1.0


def test_one_view_alone_is_a_plain_encoder(task: Task) -> None:
    model = build(task, metapaths=PATHS[:1])
    assert views_of(model).cross_view is None
    assert all_vectors(model, task).shape == (40, 8)


def test_order_of_auxiliary_views_does_not_matter(task: Task) -> None:
    third = "author-paper-author-paper-author"
    last = build(task, metapaths=(*PATHS, third)).eval()
    between = build(task, metapaths=(PATHS[0], third, PATHS[1])).eval()
    torch.testing.assert_close(all_vectors(last, task), all_vectors(between, task))


def test_eight_nodes_are_learned_by_heart(task: Task) -> None:
    task = make_task(_with(task.graph, None))
    model = build(task, hidden_dim=32).train()
    inputs = model.prepare(task, seeds=SEEDS)
    stage = model.stages()[0]
    batch = next(iter(model.batches(inputs, "train", stage=stage, batch_size=8)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(300):
        optimizer.zero_grad()
        loss = model.training_step(batch, stage=stage)
        loss.total.backward()
        optimizer.step()
    model.eval()
    rows = batch.seeds["author"]
    logits = model.head.decoder(model.encode(inputs, {"author": rows})["author"])
    assert F.cross_entropy(logits, task.labels[rows]) < 0.05


def test_sparse_features_train_the_same_as_dense_ones(task: Task) -> None:
    """With few features the first product is made of them; the loss stays as it was."""
    few = (torch.rand(40, 6, generator=torch.Generator().manual_seed(3)) < 0.15).float()
    graph = task.graph
    losses = []
    for given in (few, CSR.from_dense(few)):
        other = make_task(_with(graph, given))
        model = build(other).train()
        inputs = model.prepare(other, seeds=SEEDS)
        stage = model.stages()[0]
        batch = next(iter(model.batches(inputs, "train", stage=stage, batch_size=20)))
        torch.manual_seed(0)
        losses.append(model.training_step(batch, stage=stage).total)
    torch.testing.assert_close(*losses)


def _with(graph: HeteroGraph, features: torch.Tensor | CSR | None) -> Dataset:
    ids = torch.arange(36)
    split = Split(ids[:20], ids[20:28], ids[28:])
    labels = Labels("author", 3, ids, ids % 3)
    made = graph.with_features("author", features)
    return Dataset("toy/diffgraph", made, labels, {"default": split})
