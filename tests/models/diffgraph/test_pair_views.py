"""DiffGraph as a link predictor: its views, its loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, MetaPathError
from hetgraph.methods import EncoderMethod
from hetgraph.models.diffgraph import DiffGraph, DiffGraphConfig
from hetgraph.models.diffgraph.pair_views import PairViews
from hetgraph.models.diffgraph.views import joint_pattern
from hetgraph.nn import bipartite_propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

HEARS, LIKES = EdgeType("user", "hears", "artist"), EdgeType("user", "likes", "artist")
KNOWS, TAGGED = EdgeType("user", "knows", "user"), EdgeType("artist", "tagged", "tag")
SEEDS = Seeds()


def random_relation(seed: int, src: int, dst: int, edges: int) -> Relation:
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(src * dst, generator=generator)[:edges]
    return Relation.from_edges(chosen // dst, chosen % dst, src, dst)


@pytest.fixture
def task() -> Task:
    relations = {
        HEARS: random_relation(0, 9, 12, 40),
        LIKES: random_relation(1, 9, 12, 10),
        KNOWS: random_relation(2, 9, 9, 12),
        TAGGED: random_relation(3, 12, 5, 20),
    }
    graph = HeteroGraph(num_nodes={"user": 9, "artist": 12, "tag": 5}, relations=relations)
    src, dst = relations[HEARS].edges()
    test = torch.stack([src[:6], dst[:6]])
    graph = graph.with_reverses().without_edges(HEARS, *test)
    links = {"default": Links((HEARS,), None, test)}
    dataset = Dataset("toy/radio", graph, links, task="link-prediction")
    return make_task(dataset, options={"negatives": "uniform"})


def build(task: Task, **settings: Any) -> EncoderMethod:
    return DiffGraph.for_task(task, DiffGraphConfig(**settings))


def views_of(model: EncoderMethod) -> PairViews:
    assert isinstance(model.encoder, DiffGraph)
    assert isinstance(model.encoder.views, PairViews)
    return model.encoder.views


def test_views_are_the_relation_the_others_and_the_metapaths(task: Task) -> None:
    assert views_of(build(task)).labels == (str(HEARS), str(LIKES), str(KNOWS))
    only = views_of(build(task, metapaths=("artist-tag-artist",)))
    assert only.labels == (str(HEARS), str(LIKES), "artist-tag-artist")
    model = build(task, metapaths=("friends=user -knows> user", "ATA=artist-tag-artist"))
    labels = views_of(model).labels
    assert labels == (str(HEARS), str(LIKES), "friends", "ATA")
    views = model.prepare(task, seeds=SEEDS).encoder.views
    for label, view in zip(labels, views, strict=True):
        table = view.to_dense(torch.float64)
        torch.testing.assert_close(table, table.T)  # undirected
        users, artists = table[:9, :9], table[9:, 9:]
        assert bool(users.any()) == (label == "friends")
        assert bool(artists.any()) == (label == "ATA")
    expected = bipartite_propagator(task.graph.relations[HEARS].transpose).to_dense()
    torch.testing.assert_close(views[0].to_dense(), expected)


def test_several_relations_are_refused(task: Task) -> None:
    spec = replace(task.spec, edge_types=(HEARS, LIKES))
    with pytest.raises(ConfigError, match="2 relations are to be predicted"):
        DiffGraph.build(task.graph.schema, spec, DiffGraphConfig())


def test_without_fusion_the_relation_alone_is_read(task: Task) -> None:
    model = build(task, fusion="none", metapaths=("artist-tag-artist",))
    assert views_of(model).labels == (str(HEARS),)
    assert len(model.prepare(task, seeds=SEEDS).encoder.views) == 1
    assert model.num_parameters() == (9 + 12) * 64


def test_a_metapath_must_begin_and_end_at_the_same_end(task: Task) -> None:
    for path in ("artist-tag", "tag-artist-tag"):
        with pytest.raises(MetaPathError, match="from 'user' to 'user' or from 'artist' to 'artis"):
            build(task, metapaths=(path,)).prepare(task, seeds=SEEDS)


def test_the_diffusion_is_weighed_at_both_ends_of_the_links(task: Task) -> None:
    model = build(task).train()
    inputs = model.prepare(task, seeds=SEEDS)
    (stage,) = model.stages()
    batch = next(iter(model.batches(inputs, "train", stage=stage, batch_size=7)))
    torch.manual_seed(3)
    loss = model.training_step(batch, stage=stage)
    torch.manual_seed(3)
    network = views_of(model)
    encoded = network._encoded(inputs.encoder)
    assert network.cross_views is not None
    _, error = network.cross_views(encoded[0], encoded[1] + encoded[2], (9, 12))
    src, dst = batch.samples.pairs
    expected = error[src].mean() + error[9 + dst].mean()
    torch.testing.assert_close(loss.terms["diffusion"], expected)
    assert loss.count == 7


def test_fractions_of_the_views_add_up_to_one(task: Task) -> None:
    model = build(task)
    rows = model.relevance(model.prepare(task, seeds=SEEDS))
    for name in ("user", "artist"):
        own = [row for row in rows if row.node_type == name]
        assert sum(row.weight for row in own) == pytest.approx(1)
    labels = {
        name: [row.relation for row in rows if row.node_type == name] for name in ("user", "artist")
    }
    assert labels == {
        "user": ["artist -rev_hears> user", "artist -rev_likes> user", "user -knows> user"],
        "artist": [
            "user -hears> artist",
            "user -likes> artist",
            "(self) (beside user -knows> user)",
        ],
    }
    paths = build(task, metapaths=("friends=user -knows> user", "ATA=artist-tag-artist"))
    rows = paths.relevance(paths.prepare(task, seeds=SEEDS))
    assert [row.relation for row in rows if row.node_type == "user"][2:] == [
        "friends",
        "(self) (beside ATA)",
    ]


def test_joint_patterns_are_undirected_and_binary() -> None:
    within = Relation.from_edges(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), 2, 2)
    across = Relation.from_edges(torch.tensor([1]), torch.tensor([2]), 2, 3)
    joint = joint_pattern({("a", "a"): within, ("a", "b"): across}, {"a": 2, "b": 3})
    assert joint.weight is None
    pairs = sorted(zip(*(ids.tolist() for ids in joint.coo()), strict=True))
    assert pairs == [(0, 1), (1, 0), (1, 4), (4, 1)]
