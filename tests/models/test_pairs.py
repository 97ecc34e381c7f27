"""Vectors of encoders for pairs of nodes: of two types, and of one type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph
from hetgraph.errors import ConfigError
from hetgraph.methods import Encoder, EncoderMethod, MethodInputs
from hetgraph.methods.encoder_method import EncoderPerType
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

WRITES, CITES = EdgeType("author", "writes", "paper"), EdgeType("paper", "cites", "paper")
ENCODERS = [
    "gat",
    "han",
    "hgt",
    "ids",
    "latte",
    "lightgcn",
    "mlp",
    "rgcn",
    "rphgnn",
    "sehgnn",
    "simple_hgn",
]
CASES = [
    (name, key)
    for name in ENCODERS
    for key in (WRITES, CITES)
    if (name, key) != ("lightgcn", CITES)  # it refuses one type
]
ONE_TYPE = ("han", "latte", "rphgnn", "sehgnn")
CALM = ("dropout", "attention_dropout", "head_dropout", "input_dropout")
SEEDS = Seeds.from_seed(0)


@pytest.fixture
def make(random_graph: Callable[..., HeteroGraph]) -> Callable[[EdgeType], Task]:
    """Factory of tasks that ask for a relation; every tenth of its edges is held out."""

    def build(key: EdgeType) -> Task:
        graph = random_graph().with_reverses()
        held = torch.unique(torch.stack(graph.relations[key].edges()), dim=1)[:, ::10]
        links = {"default": Links((key,), None, held)}
        dataset = Dataset("toy/pairs", graph.without_edges(key, *held), links)
        return make_task(dataset, options={"negatives": "uniform"}, family="link-prediction")

    return build


def build(name: str, task: Task, **settings: Any) -> tuple[EncoderMethod, MethodInputs]:
    """A model without dropout in evaluation, and its inputs."""
    torch.manual_seed(0)
    cls = models.get(name)
    known = {field.name for field in fields(cls.Config)}
    calm = {option: 0.0 for option in CALM if option in known}
    method = cls.for_task(task, cls.Config(**{**calm, **settings}))
    assert isinstance(method, EncoderMethod)
    return method.eval(), method.prepare(task, seeds=SEEDS)


def test_every_encoder_is_covered() -> None:
    """DiffGraph has tests of its own."""
    registered = {name: models.get(name) for name in models.names()}
    offered = {
        name
        for name, cls in registered.items()
        if issubclass(cls, Encoder) and not cls.refuses("link-prediction")
    }
    assert offered - {"diffgraph"} == set(ENCODERS)


@pytest.mark.parametrize(("name", "key"), CASES)
def test_every_node_of_both_ends_has_a_vector(
    name: str, key: EdgeType, make: Callable[[EdgeType], Task]
) -> None:
    task = make(key)
    model, inputs = build(name, task)
    with torch.no_grad():
        vectors = model.encode(inputs, dict.fromkeys(task.spec.ends))
        predictions = model.predict(inputs, "test")
    counts = task.graph.num_nodes
    assert {end: x.shape for end, x in vectors.items()} == {
        end: (counts[end], model.encoder.dim) for end in {key.src, key.dst}
    }
    pairs = task.index("test")
    scores = model.head.decoder(vectors[key.src], vectors[key.dst], pairs)
    torch.testing.assert_close(predictions.of(pairs), scores)
    assert float(scores.detach().std()) > 0


@pytest.mark.parametrize(("name", "key"), CASES)
def test_the_vectors_of_some_nodes_are_rows_of_those_of_all(
    name: str, key: EdgeType, make: Callable[[EdgeType], Task]
) -> None:
    task = make(key)
    model, inputs = build(name, task)
    seeds = {end: torch.tensor([7, 0, 7, 3 + place]) for place, end in enumerate(task.spec.ends)}
    with torch.no_grad():
        every = model.encode(inputs, dict.fromkeys(seeds))
        some = model.encode(inputs, seeds)
    for end, ids in seeds.items():
        torch.testing.assert_close(some[end], every[end][ids])


@pytest.mark.parametrize(("name", "key"), CASES)
def test_a_step_teaches_every_parameter(
    name: str, key: EdgeType, make: Callable[[EdgeType], Task]
) -> None:
    model, inputs = build(name, make(key))
    (stage,) = model.train().stages()
    batch = next(model.batches(inputs, "train", stage=stage, batch_size=100))
    model.training_step(batch, stage=stage).total.backward()
    parameters = dict(model.named_parameters())
    assert parameters
    assert [k for k, p in parameters.items() if p.grad is None or not bool(p.grad.any())] == []


@pytest.mark.parametrize("name", ONE_TYPE)
def test_two_types_have_an_encoder_each_and_one_type_has_one(
    name: str, make: Callable[[EdgeType], Task]
) -> None:
    two, _ = build(name, make(WRITES))
    assert isinstance(two.encoder, EncoderPerType)
    assert {end: encoder.spec.target for end, encoder in two.encoder.types.items()} == {
        "author": "author",
        "paper": "paper",
    }
    first, second = (set(map(id, encoder.parameters())) for _, encoder in two.encoder.types.items())
    assert first.isdisjoint(second)
    same, _ = build(name, make(CITES))
    assert type(same.encoder) is models.get(name)


APA, PAP = "author-paper-author", "paper-author-paper"


@pytest.mark.parametrize(("name", "field"), [("han", "labels"), ("sehgnn", "channels")])
def test_each_metapath_goes_to_the_encoder_of_the_type_it_begins_at(
    name: str, field: str, make: Callable[[EdgeType], Task]
) -> None:
    model, inputs = build(name, make(WRITES), metapaths=(f"mine={APA}", PAP))
    authors, papers = model.encoder.types["author"], model.encoder.types["paper"]
    assert authors.config.metapaths == (f"mine={APA}",)
    assert papers.config.metapaths == (PAP,)
    labels: list[tuple[str, ...]] = []
    for encoder in (authors, papers):
        own = getattr(encoder, field)
        labels.append(own if field == "labels" else tuple(own.names[1:]))
    assert labels == [("mine",), (PAP,)]
    with torch.no_grad():
        assert bool(torch.isfinite(model.encode(inputs, {"author": None})["author"]).all())


def test_the_two_ends_of_rphgnn_have_one_dim(make: Callable[[EdgeType], Task]) -> None:
    """Authors and papers have different groups, and ``merge="concat"`` puts them side by side."""
    model, inputs = build("rphgnn", make(WRITES), hidden_dim=8)
    encoders = dict(model.encoder.types.items())
    merged = {end: encoder.network.merged_dim for end, encoder in encoders.items()}
    assert merged["author"] != merged["paper"]
    assert {encoder.dim for encoder in encoders.values()} == {8}
    with torch.no_grad():
        for end, encoder in encoders.items():
            hidden = encoder.network(inputs.encoder[end].slabs.tensors)
            expected = encoder.project(hidden)
            torch.testing.assert_close(model.encode(inputs, {end: None})[end], expected)
            assert not torch.equal(expected, hidden[:, :8])


def test_the_output_layer_of_simple_hgn_makes_vectors(make: Callable[[EdgeType], Task]) -> None:
    """They have the dim of a hidden layer, and ``normalize`` is for logits."""
    model, inputs = build("simple_hgn", make(WRITES), hidden_dim=4, num_heads=2, normalize=True)
    encoder = model.encoder
    assert not encoder.makes_outputs
    assert (encoder.dim, encoder.output.out_dim, encoder.output.num_heads) == (8, 8, 1)
    with torch.no_grad():
        hidden, _ = encoder._hidden(inputs.encoder)
        expected = encoder.output(hidden, inputs.encoder.joint)[0].squeeze(1)
        vectors = model.encode(inputs, {"author": None, "paper": None})
    for end, span in inputs.encoder.joint.spans.items():
        if end in vectors:
            assert torch.equal(vectors[end], expected[span])
    lengths: Tensor = torch.cat(list(vectors.values())).norm(dim=1)
    assert float(lengths.std()) > 1e-3


def test_latte_hides_no_nodes_of_pairs(make: Callable[[EdgeType], Task]) -> None:
    for key in (WRITES, CITES):
        with pytest.raises(ConfigError, match=r"model.inductive .* about pairs; set it to false"):
            build("latte", make(key), inductive=True)


def test_lightgcn_needs_two_types(make: Callable[[EdgeType], Task]) -> None:
    with pytest.raises(ConfigError, match="one relation between two node types"):
        build("lightgcn", make(CITES))
