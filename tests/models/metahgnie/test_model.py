"""The model: parameters to the digit, losses, settings, warnings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.catalog import Dataset
from hetgraph.data import FeatureSpec, Hypergraph, Schema
from hetgraph.errors import ConfigError
from hetgraph.models.metahgnie import MetaHGNIE, MetaHGNIEConfig
from hetgraph.models.metahgnie.fusion import ScoreFusion
from hetgraph.nn import info_nce
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec, make_task

SEEDS = Seeds.from_seed(0)
Make = Callable[..., Dataset]


@pytest.fixture
def task(importance_dataset: Make) -> Task:
    return make_task(importance_dataset())


def build(task: Task, **settings: Any) -> MetaHGNIE:
    torch.manual_seed(0)
    model = MetaHGNIE.for_task(task, MetaHGNIEConfig(num_heads=2, hidden_dim=4, **settings))
    assert isinstance(model, MetaHGNIE)
    return model


def predicted(model: MetaHGNIE, task: Task, split: str) -> Tensor:
    return model.predict(model.prepare(task, seeds=SEEDS), split).values


@pytest.mark.parametrize(
    ("heads", "layers", "published"),
    [
        (4, 1, 464_871),
        (8, 1, 1_195_447),
        (16, 1, 3_478_359),
        (4, 2, 582_471),
        (8, 2, 1_661_047),
        (16, 2, 5_331_159),
    ],
)
def test_parameters_to_the_digit(heads: int, layers: int, published: int) -> None:
    """As published, less a square map in each layer and two numbers that do nothing."""
    config = MetaHGNIEConfig(
        num_heads=heads,
        num_layers=layers,
        num_edge_types=52,
        structural_dim=64,
        semantic_dim=768,
    )
    schema = Schema({"node": FeatureSpec()}, {})
    model = MetaHGNIE(schema, TaskSpec("node-importance", "node", 1), config)
    assert model.num_parameters() == published - layers * config.out_dim**2 - 2


def test_the_dims_are_found_by_for_task(task: Task) -> None:
    with pytest.raises(ConfigError, match="for_task"):
        MetaHGNIE(task.graph.schema, task.spec, MetaHGNIEConfig())
    config = build(task).config
    assert (config.num_edge_types, config.structural_dim, config.semantic_dim) == (2, 64, 5 + 3)


@pytest.mark.parametrize("channels", ["both", "structure", "semantics", "concat"])
@pytest.mark.parametrize("layers", [1, 2])
def test_target_nodes_alone_or_all(task: Task, channels: str, layers: int) -> None:
    """The outputs of target nodes are the same: batch norms are fixed in evaluation."""
    settings: dict[str, Any] = {"channels": channels, "num_layers": layers}
    some, every = build(task, **settings), build(task, all_nodes=True, **settings)
    every.load_state_dict(some.state_dict())
    for model in (some.eval(), every.eval()):
        assert all(
            torch.isfinite(predicted(model, task, split)).all()
            for split in ("train", "valid", "test")
        )
    for split in ("train", "test"):
        torch.testing.assert_close(predicted(some, task, split), predicted(every, task, split))


@torch.no_grad()
def test_the_loss_is_the_sum_of_its_parts(task: Task) -> None:
    model = build(task, dropout=0.0, attention_dropout=0.0, unimodal_weight=0.4)
    model.eval()
    inputs, stage = model.prepare(task, seeds=SEEDS), model.stages()[0]
    (batch,) = model.batches(inputs, "train", stage=stage, batch_size=1000)
    terms = model.training_step(batch, stage=stage).terms
    train = task.index("train")
    target = task.labels[train]
    structure, semantics = model.views(inputs)
    assert float(terms["regression"]) == pytest.approx(
        float(F.mse_loss(model.predict(inputs, "train").values[:, 0], target)), rel=1e-5
    )
    single = [
        F.mse_loss(view.score[train] + inputs.mean, target) for view in (structure, semantics)
    ]
    assert float(terms["unimodal"]) == pytest.approx(0.4 * float(sum(single)) / 2, rel=1e-5)
    views = (model.projector(view.vectors[train]) for view in (structure, semantics))
    assert float(terms["contrastive"]) == pytest.approx(0.1 * float(info_nce(*views)), rel=1e-5)
    assert inputs.mean == pytest.approx(float(target.mean()), rel=1e-6)
    plain = build(task, contrastive_weight=0.0, unimodal_weight=0.0)
    (batch,) = plain.batches(inputs, "train", stage=stage, batch_size=1000)
    terms = plain.training_step(batch, stage=stage).terms
    assert float(sum(terms.values())) == float(terms["regression"])


def test_fewer_nodes_may_be_aligned(task: Task) -> None:
    model = build(task, contrastive_size=5)
    inputs, stage = model.prepare(task, seeds=SEEDS), model.stages()[0]
    (batch,) = model.batches(inputs, "train", stage=stage, batch_size=1000)
    term = model.training_step(batch, stage=stage).terms["contrastive"]
    assert 0 < float(term) < 0.1 * 2 * 4  # at most log 5 + 2 / temperature


@pytest.mark.parametrize("kind", ["adaptive", "fixed", "attention", "gate", "concat"])
def test_fusion(kind: str) -> None:
    fusion = ScoreFusion(MetaHGNIEConfig(fusion=kind, structure_share=0.3))  # type: ignore[arg-type]
    structure, semantics = torch.randn(2, 9)
    joined = fusion(structure, semantics)
    assert joined.shape == (9,)
    weight = fusion.structure_weight(structure, semantics)
    if kind in ("adaptive", "fixed"):
        torch.testing.assert_close(joined, 0.3 * structure + 0.7 * semantics)
        assert bool(list(fusion.parameters())) == (kind == "adaptive")
    if kind == "attention":
        torch.testing.assert_close(joined, weight * structure + (1 - weight) * semantics)
    assert (weight is None) == (kind == "concat")


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_weight_of_one_is_one_channel(weight: float) -> None:
    fusion = ScoreFusion(MetaHGNIEConfig(structure_share=weight))
    structure, semantics = torch.randn(2, 9)
    assert torch.equal(fusion(structure, semantics), structure if weight else semantics)


def test_a_partition_is_told(importance_dataset: Make) -> None:
    dataset = importance_dataset()
    total = sum(dataset.graph.num_nodes.values())
    parts = Hypergraph.from_pairs(
        torch.arange(total), torch.arange(total) % 9, [0] * 9, num_nodes=dataset.graph.num_nodes
    )
    split = make_task(replace(dataset, hypergraphs={"parts": parts}))
    with pytest.warns(UserWarning, match="model.hypergraph=relation"):
        build(split).prepare(split, seeds=SEEDS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = make_task(dataset)
        build(whole).prepare(whole, seeds=SEEDS)


@pytest.mark.parametrize("kind", ["signature", "relation", "star", "metapath"])
@pytest.mark.filterwarnings("ignore:every node is in exactly one")
def test_hypergraphs_built_from_the_graph(task: Task, kind: str) -> None:
    paths = ("item -likes> item -tagged> tag",) if kind == "metapath" else ()
    model = build(task, hypergraph=kind, metapaths=paths, max_size=6 if paths else None)
    assert bool(torch.isfinite(predicted(model.eval(), task, "test")).all())


def test_weights_of_the_channels(task: Task) -> None:
    model = build(task)
    rows = model.relevance(model.prepare(task, seeds=SEEDS))
    assert [row.relation for row in rows] == ["structure", "semantics"]
    assert [row.weight for row in rows] == pytest.approx([0.2, 0.8])
    alone = build(task, channels="semantics")
    assert alone.relevance(alone.prepare(task, seeds=SEEDS)) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_heads": 0}, "num_heads is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"temperature": 0.0}, "temperature"),
        ({"hypergraph": "metapath"}, "go together"),
        ({"metapaths": ("a-b",)}, "go together"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MetaHGNIEConfig(**settings)


def test_few_nodes_are_learned_by_heart(importance_dataset: Make) -> None:
    task = make_task(importance_dataset())
    model = build(task, dropout=0.0, attention_dropout=0.0, contrastive_weight=0.0)
    inputs, stage = model.prepare(task, seeds=SEEDS), model.stages()[0]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(120):
        (batch,) = model.batches(inputs, "train", stage=stage, batch_size=1000)
        loss = model.training_step(batch, stage=stage)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    variance = float(task.labels[task.index("train")].var())
    assert float(loss.terms["regression"]) < 0.01 * variance


@pytest.mark.parametrize("layers", [1, 2])
def test_the_naive_form_computes_the_same(task: Task, layers: int) -> None:
    from hetgraph.benchmarks._gather_metahgnie import GatherMetaHGNIE

    config = MetaHGNIEConfig(
        num_heads=2, hidden_dim=4, num_layers=layers, dropout=0.0, attention_dropout=0.0
    )
    results = []
    for kind in (MetaHGNIE, GatherMetaHGNIE):
        torch.manual_seed(0)
        model = kind.for_task(task, config).train()
        inputs, stage = model.prepare(task, seeds=SEEDS), model.stages()[0]
        (batch,) = model.batches(inputs, "train", stage=stage, batch_size=1000)
        loss = model.training_step(batch, stage=stage).total
        loss.backward()
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        results.append({"loss": loss.detach(), **gradients})
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-5)
