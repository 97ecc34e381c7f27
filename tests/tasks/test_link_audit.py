from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import LeakageError
from hetgraph.tasks import Task, audit, make_task
from hetgraph.tasks.link_audit import audit_pairs, visible_links

BUYS, BACK = EdgeType("u", "buys", "i"), EdgeType("i", "back", "u")
TRUSTS, TRUSTED = EdgeType("u", "trusts", "u"), EdgeType("u", "trusted", "u")


def purchases() -> tuple[torch.Tensor, torch.Tensor]:
    """Sixty distinct purchases of ten users and twelve items, six a user; a seventh is held out."""
    generator = torch.Generator().manual_seed(1)
    chosen = torch.rand(10, 12, generator=generator).argsort(dim=1)[:, :7]
    users = torch.arange(10)
    src = users.repeat_interleave(6)
    return torch.stack([src, chosen[:, :6].flatten()]), torch.stack([users, chosen[:, 6]])


def shop(back: torch.Tensor, *, declared: bool = False, **values: torch.Tensor) -> Dataset:
    """Purchases with ``back``, ``[2, n]`` pairs of users and items, as edges of items to users."""
    pairs, test = purchases()
    relations = {
        BUYS: Relation.from_edges(*pairs, 10, 12),
        BACK: Relation.from_edges(*back.flip(0), 12, 10, **values),
    }
    graph = HeteroGraph(
        num_nodes={"u": 10, "i": 12},
        relations=relations,
        reverses=((BUYS, BACK),) if declared else (),
    )
    return Dataset("toy/shop", graph, {"default": Links((BUYS,), None, test)})


def trust(*, declared: bool) -> Dataset:
    """Mutual trust along a ring, and chords; three mirrors of held-out links are in."""
    at = torch.arange(20)
    ring = torch.stack([at, (at + 1) % 20])
    test, mirrors = ring[:, :4], ring.flip(0)[:, 1:]
    edges = torch.cat([ring[:, 4:], mirrors, torch.stack([at, (at + 7) % 20])], dim=1)
    relation = Relation.from_edges(*edges, 20, 20)
    relations = {TRUSTS: relation} | ({TRUSTED: relation.transpose} if declared else {})
    graph = HeteroGraph(
        num_nodes={"u": 20},
        relations=relations,
        reverses=((TRUSTS, TRUSTED),) if declared else (),
    )
    links = Links((TRUSTS,), torch.tensor([[10], [4]]), test)
    return Dataset("toy/trust", graph, {"default": links})


def made(dataset: Dataset, **options: object) -> Task:
    return make_task(dataset, options={"negatives": "uniform", **options})


def test_visible_links_equal_a_search_link_by_link() -> None:
    generator = torch.Generator().manual_seed(2)
    graph = trust(declared=True).graph
    other = EdgeType("u", "likes", "i")
    graph = graph.replace(
        num_nodes={"u": 20, "i": 3},
        relations={**graph.relations, other: Relation.from_edges(*torch.tensor([[0], [1]]), 20, 3)},
    )
    keys = (TRUSTS, other)
    pairs = torch.randint(20, (2, 60), generator=generator)
    kinds = torch.arange(60) % 2
    pairs[1, kinds == 1] %= 3
    seen = {(key, flipped): mask for key, flipped, mask in visible_links(graph, keys, pairs, kinds)}
    assert set(seen) == {(TRUSTS, False), (TRUSTS, True), (TRUSTED, False), (TRUSTED, True)} | {
        (other, False)
    }
    for (key, flipped), mask in seen.items():
        edges = set(map(tuple, torch.stack(graph.relations[key].edges()).T.tolist()))
        for pair, kind, visible in zip(pairs.T.tolist(), kinds.tolist(), mask, strict=True):
            joined = (key == other) == (kind == 1)
            there = tuple(reversed(pair) if flipped else pair) in edges
            assert bool(visible) == (joined and there)


@pytest.mark.parametrize("values", ["weight", "edge_time", "edge_features"])
def test_a_declared_reverse_may_have_values_of_its_own(values: str) -> None:
    pairs, _ = purchases()
    own = torch.rand(60, 2) if values == "edge_features" else torch.rand(60)
    task = made(shop(pairs, declared=True, **{values: own}))
    valid = task.held_out()["valid"]
    assert valid.shape[1]
    back = torch.stack(task.graph.relations[BACK].edges()[::-1])
    assert not set(map(tuple, back.T.tolist())) & set(map(tuple, valid.T.tolist()))
    assert getattr(task.graph.relations[BACK], values) is not None
    assert len(audit(task).checks) == 3
    view = task.refit_view()
    assert view.graph.relations[BACK].num_edges == 60
    assert view.graph.relations[BUYS].weight is None


def test_held_out_links_are_found_in_both_relations_of_a_pair() -> None:
    pairs, test = purchases()
    graph = shop(pairs, declared=True).graph
    assert len(audit_pairs(graph, BUYS, test)) == 2
    with pytest.raises(LeakageError, match=r"60 held-out links are edges of \(u -buys> i\)"):
        audit_pairs(graph, BUYS, pairs)
    alone = graph.replace(reverses=()).without_edges(BUYS, *pairs)
    with pytest.raises(LeakageError, match=r"60 held-out links are edges of \(i -back> u\)"):
        audit_pairs(alone, BUYS, pairs)


@pytest.mark.parametrize("hide", [False, True])
def test_a_reverse_that_lacks_an_edge_is_refused_or_hidden(hide: bool) -> None:
    pairs, test = purchases()
    near = shop(torch.cat([pairs[:, 1:], test], dim=1))
    task = made(near, hide_parallel=hide)
    if hide:
        assert len(audit(task).checks) == 3
        assert task.graph.relations[BACK].num_edges < 60
        return
    with pytest.raises(LeakageError, match=r"15 held-out links .* nearly the same .* opposite"):
        audit(task)
    # Published splits of knowledge graphs have such relations, so there they are only told.
    filtered = made(near, protocol="filtered")
    assert (
        audit(filtered).notes[0].startswith("15 of 15 (100.0%) held-out links are edges of other")
    )


def test_links_in_an_unlike_relation_are_told() -> None:
    pairs, test = purchases()
    task = made(shop(torch.cat([pairs[:, :20], test[:, :3]], dim=1)))
    (note,) = audit(task).notes
    assert "most of them of (i -back> u)" in note
    visible = {tuple(pair) for pair in torch.cat([pairs[:, :20], test[:, :3]], dim=1).T.tolist()}
    held = torch.cat(list(task.held_out().values()), dim=1).T.tolist()
    assert note.startswith(f"{sum(tuple(pair) in visible for pair in held)} of {len(held)} ")
    assert not audit(made(shop(pairs[:, :0]))).notes


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("parallel", [False, True])
def test_mirrors_are_told_or_hidden(declared: bool, parallel: bool) -> None:
    dataset = trust(declared=declared)
    options = {"hide_parallel": parallel, "negatives": "uniform"}
    (note,) = audit(make_task(dataset, options=options)).notes
    assert note.startswith("3 of 5 (60.0%) held-out links (a, b) have their mirror (b, a)")
    assert "task.hide_mirrors=true" in note
    task = make_task(dataset, options={**options, "hide_mirrors": True})
    assert not audit(task).notes
    assert task.graph.relations[TRUSTS].num_edges == dataset.graph.relations[TRUSTS].num_edges - 3
    assert task.labels.shape[1] == task.graph.relations[TRUSTS].num_edges
    view = task.refit_view()
    assert not audit(view).notes
    leaky = make_task(dataset, options={**options, "hide_mirrors": True})
    leaky.graph = dataset.graph
    with pytest.raises(LeakageError, match=r"3 held-out links .* in the opposite direction"):
        audit(leaky)


def test_hidden_links_are_still_true_when_candidates_are_ranked() -> None:
    options = {"protocol": "filtered", "hide_mirrors": True}
    task = make_task(trust(declared=False), options=options)
    known = task._true.by_relation[0]["dst"]  # type: ignore[attr-defined]
    assert 1 in known.rows(torch.tensor([2])).indices.tolist()  # the mirror of the link (1, 2)
    assert (2, 1) not in set(map(tuple, task.labels.T.tolist()))


def test_notes_of_several_relations_name_the_one_with_most() -> None:
    dataset = trust(declared=False)
    links = dataset.links["default"]
    again = EdgeType("u", "knows", "u")
    relations = {**dataset.graph.relations, again: Relation.from_edges(*links.test[:, :0], 20, 20)}
    both = replace(
        links,
        edge_types=(again, TRUSTS),
        valid_type=torch.ones(1, dtype=torch.int64),
        test_type=torch.tensor([1, 1, 1, 0]),
    )
    several = replace(
        dataset, graph=dataset.graph.replace(relations=relations), targets={"default": both}
    )
    (mirrors, parallel) = audit(make_task(several, options={"protocol": "filtered"})).notes
    assert mirrors.startswith("2 of 5 (40.0%)")
    assert "2 of 4 of them of (u -trusts> u)" in mirrors
    assert parallel.startswith("1 of 5 (20.0%)")
