"""The link-prediction task: what is held out, what is no link, what is scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.nn import Dot
from hetgraph.seeds import Seeds
from hetgraph.tasks import LinkPrediction, PairPredictions, TaskSpec, audit, make_task

HEARS, HEARD = EdgeType("user", "hears", "artist"), EdgeType("artist", "heard_by", "user")
KNOWS, LIKES = EdgeType("user", "knows", "user"), EdgeType("user", "likes", "artist")
NEAR, FAR = EdgeType("p", "near", "p"), EdgeType("p", "far", "p")


def radio(*, visible: bool = False) -> Dataset:
    """Twenty users who hear six of thirty artists each; a seventh is held out for testing."""
    generator = torch.Generator().manual_seed(0)
    chosen = torch.rand(20, 30, generator=generator).argsort(dim=1)[:, :7]
    users = torch.arange(20)
    test = torch.stack([users, chosen[:, 6]])
    src, dst = users.repeat_interleave(6), chosen[:, :6].flatten()
    hears = Relation.from_edges(src, dst, 20, 30)
    if visible:
        hears = Relation.from_edges(torch.cat([src, test[0]]), torch.cat([dst, test[1]]), 20, 30)
    friend = torch.cat([users, (users + 1) % 20]), torch.cat([(users + 1) % 20, users])
    relations = {
        HEARS: hears,
        HEARD: hears.transpose,
        KNOWS: Relation.from_edges(*friend, 20, 20),
        LIKES: Relation.from_edges(*test, 20, 30),  # a parallel relation knows the answers
    }
    graph = HeteroGraph(
        num_nodes={"user": 20, "artist": 30},
        relations=relations,
        reverses=((HEARS, HEARD), (KNOWS, KNOWS)),
    )
    links = {"default": Links((HEARS,), None, test)}
    return Dataset("toy/radio", graph, links, task="link-prediction")


def shop() -> Dataset:
    """A ring of twelve products and its chords, both undirected; negatives are shipped."""
    at = torch.arange(12)

    def ring(step: int) -> Relation:
        far = (at + step) % 12
        return Relation.from_edges(torch.cat([at, far]), torch.cat([far, at]), 12, 12)

    graph = HeteroGraph(
        num_nodes={"p": 12},
        relations={NEAR: ring(1), FAR: ring(3)},
        reverses=((NEAR, NEAR), (FAR, FAR)),
    )
    valid, test = torch.tensor([[0, 2], [1, 3]]), torch.tensor([[5, 8], [4, 7]])
    graph = graph.without_edges(NEAR, *torch.cat([valid, test], dim=1))
    links = {
        "near": Links((NEAR,), valid, test, torch.tensor([[0], [6]]), torch.tensor([[1], [7]])),
        "far": Links((FAR,), None, torch.tensor([[0], [5]])),
    }
    return Dataset("toy/shop", graph, links, task="link-prediction")


def split(task: LinkPrediction, part: str) -> tuple[set[tuple[int, int]], list[tuple[int, int]]]:
    """Links and negatives of a part; a private look at the targets."""
    pairs, target = task._pairs[part], task._target[part]
    found = [[tuple(one) for one in pairs[:, keep].T.tolist()] for keep in (target, ~target)]
    return set(found[0]), found[1]


def edges(task: LinkPrediction, key: EdgeType) -> set[tuple[int, int]]:
    return {tuple(one) for one in torch.stack(task.graph.relations[key].edges()).T.tolist()}


def made(dataset: Dataset, seed: int = 0, **options: object) -> LinkPrediction:
    task = make_task(dataset, seeds=Seeds.from_seed(seed), options=options)
    assert isinstance(task, LinkPrediction)
    return task


def test_held_out_links_are_in_no_direction_of_the_relation() -> None:
    task = made(radio(), valid_fraction=0.2)
    train, valid, test = (split(task, part)[0] for part in ("train", "valid", "test"))
    assert [len(one) for one in (train, valid, test)] == [100, 20, 20]
    assert not train & valid
    assert not (train | valid) & test
    assert edges(task, HEARS) == train == set(map(tuple, task.labels.T.tolist()))
    assert {(s, d) for d, s in edges(task, HEARD)} == train
    assert len(audit(task).checks) == 3
    assert TaskSpec.from_dict(task.spec.to_dict()) == task.spec
    assert task.spec.ends == ("user", "artist")


@pytest.mark.parametrize("negatives", ["two_hop", "uniform"])
def test_negatives_are_typed_and_linked_in_no_part(negatives: str) -> None:
    task = made(radio(), negatives=negatives)
    known = set().union(*(split(task, part)[0] for part in ("train", "valid", "test")))
    known |= edges(task, LIKES)
    near = {(a, d) for a, b in edges(task, KNOWS) for c, d in known if b == c}
    for part in ("train", "valid", "test"):
        links, drawn = split(task, part)
        assert sorted(s for s, _ in links) == sorted(s for s, _ in drawn)
        assert not set(drawn) & known
        assert all(0 <= d < 30 for _, d in drawn)
        assert set(drawn) <= near or negatives == "uniform"  # artists that a friend hears


def test_the_test_part_is_the_same_for_all_seeds() -> None:
    one, two = made(radio(), 0), made(radio(), 1)
    assert torch.equal(one.index("test"), two.index("test"))
    assert split(one, "test") == split(two, "test")
    assert split(one, "valid")[0] != split(two, "valid")[0]
    assert torch.equal(one.index("valid"), made(radio(), 0).index("valid"))


def test_the_order_of_the_pairs_tells_nothing() -> None:
    target = made(radio())._target["test"]
    half = len(target) // 2
    assert 0 < int(target[:half].sum()) < half


def test_a_symmetric_relation_is_held_out_in_both_directions() -> None:
    task = made(shop(), split="far", valid_fraction=0.3)
    valid, _ = split(task, "valid")
    assert len(valid) == 1  # of three beyond the first of each lower end
    assert not edges(task, FAR) & (valid | {(b, a) for a, b in valid})
    assert edges(task, FAR) == {(b, a) for a, b in edges(task, FAR)}
    assert len(edges(task, FAR)) == 22
    for part in ("train", "valid", "test"):
        assert all(a != b for a, b in split(task, part)[1])


def test_shipped_negatives_and_validation_links_are_taken_as_they_are() -> None:
    task = made(shop(), negatives="shipped")
    assert split(task, "valid") == ({(0, 1), (2, 3)}, [(0, 6)])
    assert split(task, "test") == ({(5, 4), (8, 7)}, [(1, 7)])
    assert task.protocol["sizes"]["test"] == {"links": 2, "negatives": 1}
    assert task.protocol["relation"] == "p -near> p"
    assert task.spec.ends == ("p",)


def test_parallel_relations_can_be_cleaned_too() -> None:
    assert len(edges(made(radio()), LIKES)) == 20
    task = made(radio(), hide_parallel=True)
    assert not edges(task, LIKES)
    assert len(edges(task, KNOWS)) == 40
    assert len(audit(task).checks) == 4


def test_scores_are_those_of_hgb() -> None:
    task = made(radio())
    pairs = task.index("test")
    table = torch.randn(20, 30, generator=torch.Generator().manual_seed(3))
    scores = table[pairs[0], pairs[1]]
    links, _ = split(task, "test")
    target = np.array([tuple(one) in links for one in pairs.T.tolist()])
    found = task.score(scored(table), "test")
    assert found["roc_auc"] == pytest.approx(roc_auc_score(target, scores))
    reciprocal = []
    for source in set(pairs[0].tolist()):
        own = (pairs[0] == source).numpy()
        ranked = target[own][np.argsort(-scores.numpy()[own])]
        reciprocal.append(1 / (1 + np.flatnonzero(ranked)[0]))
    assert found["mrr"] == pytest.approx(np.mean(reciprocal))
    assert set(found) == {"loss", "roc_auc", "mrr"}
    constant = task.score(scored(torch.zeros(20, 30)), "test")
    assert constant["roc_auc"] == 0.5
    assert constant["mrr"] == 0.5  # one link and one negative for each user, the negative first
    assert constant["loss"] == pytest.approx(np.log(2))


def scored(table: Tensor) -> PairPredictions:
    """Predictions whose scores of users and artists are those of a table."""
    vectors = {"user": torch.eye(len(table)), "artist": table.T}
    return PairPredictions(vectors, Dot(), (("user", "artist"),))


def leak(dataset: Dataset, split_: Links) -> Dataset:
    return replace(dataset, targets={"default": split_})


def test_planted_leaks_are_found() -> None:
    with pytest.raises(LeakageError, match=r"\d+ held-out links are edges of \(user -hears>"):
        audit(made(radio(visible=True)))
    ring = shop()
    near = ring.links["near"]
    assert near.valid is not None
    both = replace(near, test=torch.cat([near.test, near.valid.flip(0)], dim=1))
    with pytest.raises(LeakageError, match="2 test links are validation links, too"):
        audit(made(leak(ring, both)))
    seen = replace(near, test=torch.tensor([[10], [9]]))  # an edge from 9 to 10
    with pytest.raises(LeakageError, match=r"held-out links are edges of \(p -near> p\)"):
        audit(made(leak(ring, seen)))
    task = made(radio(), hide_parallel=True)
    task.graph = task.graph.with_relation(LIKES, radio().graph.relations[LIKES])
    with pytest.raises(LeakageError, match=r"20 held-out links are edges of \(user -likes>"):
        audit(task)


def test_a_view_for_tuning_has_no_test_part() -> None:
    view = made(radio()).without_test()
    for attempt in (
        lambda: view.index("test"),
        lambda: view.score(scored(torch.zeros(20, 30)), "test"),
    ):
        with pytest.raises(PermissionError):
            attempt()
    assert set(view.open_splits()) == {"train", "valid"}
    assert set(view.held_out()) == {"valid"}  # type: ignore[attr-defined]
    assert len(audit(view).checks) == 3


def test_bad_input_is_told() -> None:
    task = made(radio())
    with pytest.raises(DataError, match=r"3 vectors of 'user', expected 20"):
        task.score(scored(torch.zeros(3, 30)), "test")
    for options, message in (
        ({"negatives": "hard"}, "expected one of 'two_hop', 'uniform', 'shipped'"),
        ({"valid_fraction": 1.0}, "valid_fraction is 1.0"),
        ({"split": "defalt"}, "no link split 'defalt'.*Did you mean 'default'"),
        ({"negatives": "shipped"}, "no negatives of its own"),
    ):
        with pytest.raises(ConfigError, match=message):
            made(radio(), **options)
    bare = radio()
    with pytest.raises(DataError, match="no held-out links"):
        made(replace(bare, targets={}))
    lone = bare.graph.without_relation(KNOWS).without_relation(HEARS).without_relation(LIKES)
    one = Relation.from_edges(torch.arange(5), torch.arange(5), 20, 30)
    sparse = replace(bare, graph=lone.with_relation(HEARS, one))
    with pytest.raises(DataError, match="to spare, so none can be held out"):
        made(sparse)
    held: Tensor = torch.tensor([[6], [7]])
    given = {"default": Links((HEARS,), held, held + 1)}
    with pytest.raises(DataError, match=r"no user of the train split .* task\.negatives=uniform"):
        made(replace(sparse, targets=given))
    every = Relation.from_edges(torch.zeros(30).long(), torch.arange(30), 20, 30)
    full = replace(bare, graph=lone.with_relation(HEARS, every), targets=given)
    with pytest.raises(DataError, match=r"links of \(user -hears> artist\), 'user' row 0 has an"):
        made(full, negatives="uniform")


@pytest.mark.parametrize("name", ["near", "far"])
def test_the_refit_of_a_symmetric_relation_has_both_directions(name: str) -> None:
    dataset = shop()
    task = made(dataset, split=name, negatives="uniform", valid_fraction=0.3)
    view = task.refit_view()
    key = NEAR if name == "near" else FAR
    valid = set(map(tuple, task._held["valid"].T.tolist()))
    both = valid | {(b, a) for a, b in valid}
    assert edges(view, key) == edges(task, key) | both
    assert view.graph.relations[key].num_edges == task.graph.relations[key].num_edges + len(both)
    assert set(map(tuple, view.labels.T.tolist())) == edges(view, key)
    assert len(audit(view).checks) == 3


def test_the_refit_gives_validation_links_back_to_parallel_relations() -> None:
    dataset = radio()
    links = dataset.links["default"]
    hears = torch.stack(dataset.graph.relations[HEARS].edges())
    likes = torch.cat([links.test, hears], dim=1)
    graph = dataset.graph.with_relation(LIKES, Relation.from_edges(*likes, 20, 30))
    task = made(replace(dataset, graph=graph), hide_parallel=True)
    train, valid, _ = (split(task, part)[0] for part in ("train", "valid", "test"))
    assert edges(task, LIKES) == train
    view = task.refit_view()
    assert edges(view, LIKES) == train | valid
    assert edges(view, HEARS) == train | valid
    assert len(audit(view).checks) == 4


def test_own_loss_and_metrics_of_the_sampled_protocol() -> None:
    task = made(radio()).with_functions(
        loss=lambda scores, target: (scores - target.float()).abs().mean(),
        metrics={"links": lambda _, target: float(target.sum())},
    )
    assert task.monitors == ("loss", "roc_auc", "mrr", "links")
    metrics = task.score(scored(torch.ones(20, 30)), "test")
    assert (metrics["links"], metrics["loss"]) == (20.0, 0.5)
