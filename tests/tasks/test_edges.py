"""What tasks about labelled edges share: splits, edges that are hidden, the audit, the refit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.nn import PairMLP
from hetgraph.seeds import Seeds
from hetgraph.tasks import EdgeClassification, EdgeRegression, PairPredictions, audit, make_task

RATES, RATED = EdgeType("user", "rates", "film"), EdgeType("film", "rated_by", "user")
SAW, OWNS = EdgeType("user", "saw", "film"), EdgeType("film", "owned_by", "user")
KINDS = ("edge-classification", "edge-regression")

EdgeTask = EdgeClassification | EdgeRegression


def made(dataset: Dataset, kind: str = KINDS[0], seed: int = 0, **options: Any) -> EdgeTask:
    given = {"kind": kind, **options}
    task = make_task(dataset, seeds=Seeds.from_seed(seed), options=given)
    assert isinstance(task, EdgeTask)
    return task


def sizes(task: EdgeTask) -> list[int]:
    return [task.index(split).numel() for split in ("train", "valid", "test")]


def pairs_of(graph: HeteroGraph, key: EdgeType) -> list[tuple[int, int]]:
    """The edges of a relation as (user, film)."""
    pairs = torch.stack(graph.relations[key].edges())
    pairs = pairs if key.src == "user" else pairs.flip(0)
    return sorted(map(tuple, pairs.T.tolist()))


def ends(task: EdgeTask, *splits: str) -> set[tuple[int, int]]:
    ids = torch.cat([task._splits[split] for split in splits])
    return set(map(tuple, task.edges[:, ids].T.tolist()))


@pytest.mark.parametrize("kind", KINDS)
def test_splits_are_given_completed_or_drawn(films: Dataset, kind: str) -> None:
    given = made(films, kind)
    assert torch.equal(given.index("test"), films.splits["given"].test)
    assert torch.equal(given.index("valid"), films.splits["given"].valid)
    assert given.protocol["sizes"] == {"train": 35, "valid": 11, "test": 15}
    assert given.protocol["relation"] == "user -rates> film"
    part = made(films, kind, split="no valid", valid_fraction=0.25)
    assert sizes(part) == [34, 12, 4]
    both = torch.cat([part.index("train"), part.index("valid")])
    assert torch.equal(both.sort().values, films.splits["no valid"].train)
    for task in (made(films, kind, split="random"), made(replace(films, splits={}), kind)):
        assert task.protocol["split"] == "random"
        assert sizes(task) == [43, 6, 12]
        every = torch.cat([task.index(split) for split in ("train", "valid", "test")])
        assert torch.equal(every.sort().values, torch.arange(61))
        assert audit(task).checks
    assert sizes(made(films, kind, split="random", train_fraction=0.5, valid_fraction=0.5))[2] == 30


@pytest.mark.parametrize("split", ["random", "no valid"])
def test_the_split_seed_alone_moves_what_is_drawn(films: Dataset, split: str) -> None:
    first, again = made(films, split=split), made(films, split=split)
    other = made(films, seed=1, split=split)
    assert torch.equal(first.index("valid"), again.index("valid"))
    assert not torch.equal(first.index("valid"), other.index("valid"))
    assert torch.equal(first.index("test"), other.index("test")) == (split == "no valid")


@pytest.mark.parametrize("kind", KINDS)
def test_by_time_the_latest_edges_are_tested(films: Dataset, kind: str) -> None:
    task = made(films, kind, split="time")
    target = films.edge_target
    assert target is not None
    assert target.time is not None
    parts = [target.time[task.index(split)].sort().values for split in ("train", "valid", "test")]
    assert torch.equal(torch.cat(parts), torch.arange(61))
    assert sizes(task) == [43, 6, 12]
    assert task.protocol["split"] == "time"
    shorter = made(films, kind, split="time", train_fraction=0.5, valid_fraction=0.2)
    assert sizes(shorter) == [24, 6, 31]


def test_by_time_edges_of_one_moment_are_in_one_split(films: Dataset) -> None:
    target = films.edge_target
    assert isinstance(target, EdgeLabels)
    assert target.time is not None
    tied = replace(target, time=target.time // 4)
    task = made(replace(films, targets={"edge_labels": tied}), "edge-classification", split="time")
    assert tied.time is not None
    train, valid, test = (tied.time[task.index(split)] for split in ("train", "valid", "test"))
    assert int(train.max()) < int(valid.min())
    assert int(valid.max()) < int(test.min())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hide", [True, False])
def test_which_edges_methods_see(films: Dataset, kind: str, hide: bool) -> None:
    task = made(films, kind, hide=hide)
    held = ends(task, "valid", "test") - ends(task, "train")
    repeated = tuple(task.edges[:, 0].tolist())
    assert repeated == tuple(task.edges[:, 60].tolist())
    assert 60 in task.index("test").tolist()
    assert repeated not in held  # an edge that is learned from stays, whatever else it is
    assert len(held) == 25
    for key in (RATES, RATED, SAW, OWNS):
        kept = [pair for pair in pairs_of(films.graph, key) if not hide or pair not in held]
        assert pairs_of(task.graph, key) == kept
    assert pairs_of(task.graph, RATES).count(repeated) == 2
    assert ends(task, "train") <= set(pairs_of(task.graph, RATES))
    assert len(audit(task).checks) == (6 if hide else 3)
    assert task.spec.edge_types == (RATES,)
    assert task.protocol["hide"] is hide


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_test_edges_are_hidden(films: Dataset, kind: str) -> None:
    task = made(films, kind)
    test, seen = task.index("test"), torch.cat([task.index("train"), task.index("valid")])
    if kind == KINDS[0]:
        assert bool((task.labels[test] == -1).all())
        target = films.edge_target
        assert target is not None
        assert torch.equal(task.labels[seen], target.target[seen])
        assert int(target.target.min()) == 0  # the data set's own are untouched
    else:
        assert bool(task.labels[test].isnan().all())
        assert bool(task.labels[seen].isfinite().all())
    task.labels[test[2]] = 1
    with pytest.raises(LeakageError, match="labels of test edges are readable"):
        audit(task)


@pytest.mark.parametrize("key", [RATES, RATED, SAW, OWNS])
@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_hidden_edge_that_stays_is_a_leak(films: Dataset, key: EdgeType, split: Any) -> None:
    task = made(films)
    places = pairs_of(films.graph, key)
    edge = next(
        pair for pair in sorted(ends(task, split) - ends(task, "train")) if pair in places
    )  # fmt: skip
    whole = films.graph.relations[key]
    far = edge if key.src == "user" else edge[::-1]
    relation = task.graph.relations[key]
    more = torch.cat([torch.stack(relation.edges()), torch.tensor(far)[:, None]], dim=1)
    leaky = Relation.from_edges(*more, whole.num_src, whole.num_dst)
    # Declared reverses would be refused as soon as they differ.
    relations = {**task.graph.relations, key: leaky}
    task.graph = task.graph.replace(relations=relations, reverses=())
    with pytest.raises(LeakageError, match=f"1 held-out links are edges of .{key.src} -{key.name}"):
        audit(task)
    if split == "test":
        assert audit(task.without_test()).checks


def test_overlapping_splits_are_a_leak(films: Dataset) -> None:
    given = films.splits["given"]
    both = Split(given.train, given.valid, torch.cat([given.test, given.train[3:5]]))
    with pytest.raises(LeakageError, match="2 labelled edges are in both train and test"):
        audit(made(replace(films, splits={"s": both})))


def test_edges_may_be_of_a_relation_that_the_graph_lacks(films: Dataset) -> None:
    target = films.edge_target
    assert isinstance(target, EdgeLabels)
    likes = EdgeType("user", "likes", "film")
    task = made(replace(films, targets=replace(target, edge_type=likes)))
    held = ends(task, "valid", "test") - ends(task, "train")
    assert not held & set(pairs_of(task.graph, SAW))
    assert not held & set(pairs_of(task.graph, RATED))
    assert len(audit(task).checks) == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hide", [True, False])
def test_the_refit_learns_from_validation_edges_and_sees_them(
    films: Dataset, kind: str, hide: bool
) -> None:
    task = made(films, kind, hide=hide)
    view = task.refit_view()
    both = torch.cat([task.index("train"), task.index("valid")]).sort().values
    assert torch.equal(view.index("train"), both)
    assert view.index("valid").numel() == 0
    assert torch.equal(view.index("test"), task.index("test"))
    assert sizes(task) == [35, 11, 15]
    held = ends(task, "test") - ends(task, "train", "valid")
    for key in (RATES, RATED, SAW, OWNS):
        kept = [pair for pair in pairs_of(films.graph, key) if not hide or pair not in held]
        assert pairs_of(view.graph, key) == kept
    assert ends(task, "valid") <= set(pairs_of(view.graph, RATES))
    assert audit(view).checks == audit(task).checks
    method = MLP.for_task(view, MLPConfig(hidden_dim=4))
    inputs = method.prepare(view, seeds=Seeds())
    (stage,) = method.stages()
    (batch,) = method.batches(inputs, "train", stage=stage, batch_size=99)
    assert torch.equal(batch.samples.labels, task.labels[both])
    predictions = method.eval().predict(inputs, "test")
    assert view.score(predictions, "test") == task.score(predictions, "test")


def test_predictions_are_of_the_pairs_of_the_split(films: Dataset) -> None:
    task = made(films)
    vectors = {"user": torch.randn(10, 4), "film": torch.randn(12, 4)}
    decoder = PairMLP(4, 3)
    predictions = PairPredictions(vectors, decoder, (("user", "film"),))
    found = task.to_tensor(predictions, "valid")
    pairs = task.edges[:, task.index("valid")]
    torch.testing.assert_close(found, decoder(vectors["user"], vectors["film"], pairs))


def test_bad_input_is_told(films: Dataset) -> None:
    target = films.edge_target
    assert isinstance(target, EdgeLabels)
    untimed = replace(films, targets=replace(target, time=None))
    with pytest.raises(ConfigError, match=r"have no times.*task\.split=random"):
        made(untimed, split="time")
    with pytest.raises(ConfigError, match=r"no split 'gven'.*Did you mean 'given'"):
        made(films, split="gven")
    with pytest.raises(ConfigError, match=r"task.valid_fraction is 0"):
        made(films, valid_fraction=0)
    none = torch.zeros(0, dtype=torch.int64)
    given = films.splits["given"]
    empty = replace(films, splits={"s": Split(given.train, given.valid, none)})
    with pytest.raises(DataError, match="the test split holds no labelled edge"):
        made(empty)
    for kind, key, message in (
        (KINDS[0], "edge_values", "no edges with classes"),
        (KINDS[1], "edge_labels", "no edges with numbers"),
    ):
        with pytest.raises(DataError, match=message):
            made(replace(films, targets={key: films.targets[key]}), kind)
    view = made(films).without_test()
    with pytest.raises(PermissionError):
        view.index("test")


def test_splits_are_those_of_the_edges_that_are_asked_about(films: Dataset) -> None:
    """A split holds positions among the edges of the first target."""
    other = films.targets["edge_values"]
    assert isinstance(other, EdgeValues)
    shorter = EdgeValues(RATES, other.edges[:, :40], other.target[:40])
    mixed = replace(films, targets={**films.targets, "edge_values": shorter})
    task = made(mixed, KINDS[1])
    assert task.protocol["split"] == "random"
    assert sum(sizes(task)) == 40
    assert made(mixed).protocol["split"] == "given"
    nodes = Labels("user", 2, torch.arange(10), torch.arange(10) % 2)
    first = Split(torch.arange(6), torch.arange(6, 8), torch.arange(8, 10))
    about_nodes = replace(films, targets={"labels": nodes, **films.targets}, splits={"s": first})
    assert sizes(made(about_nodes)) == [43, 6, 12]
    with pytest.raises(ConfigError, match="no split 's'"):
        made(about_nodes, split="s")
    assert make_task(about_nodes).protocol["split"] == "s"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", [RATES, RATED, SAW, OWNS])
@pytest.mark.parametrize("place", ["weight", "edge_features"])
def test_the_audit_refuses_labels_that_edges_carry(
    films: Dataset, kind: str, key: EdgeType, place: str
) -> None:
    name = "edge_labels" if kind == "edge-classification" else "edge_values"
    target: Any = films.targets[name]
    rows = zip(target.edges.T.tolist(), target.target.double().tolist(), strict=True)
    label = {tuple(pair): value for pair, value in rows}
    relation = films.graph.relations[key]
    src, dst = relation.edges()
    pairs = torch.stack([src, dst] if key.src == "user" else [dst, src]).T.tolist()
    told = torch.tensor([label[tuple(pair)] for pair in pairs])
    noise = torch.randn(told.numel())
    value = told if place == "weight" else torch.stack([noise, told], dim=1)
    relations = {**films.graph.relations, key: replace(relation, **{place: value})}
    telling = replace(films, graph=films.graph.replace(relations=relations))
    with pytest.raises(LeakageError, match=f"of \\({key}\\) tell the labels"):
        audit(made(telling, kind, hide=False))
    assert audit(made(telling, kind, hide=True)).checks
    mixed = replace(relation, **{place: value[torch.randperm(told.numel())]})
    honest = replace(films, graph=films.graph.replace(relations={**relations, key: mixed}))
    assert audit(made(honest, kind, hide=False)).checks
