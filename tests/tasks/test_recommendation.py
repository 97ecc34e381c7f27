"""The recommendation task: what is held out, what is masked, what is scored."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.nn import Dot
from hetgraph.tasks import PairPredictions, Recommendation, TaskSpec, audit, make_task

BUY, VIEW = EdgeType("user", "buy", "item"), EdgeType("user", "view", "item")


def relation(pairs: list[tuple[int, int, int]]) -> Relation:
    src, dst, time = (torch.tensor(one) for one in zip(*pairs, strict=True))
    return Relation.from_edges(src, dst, 3, 6, edge_time=time)


def shop(test: list[tuple[int, int]] | None = None, *, times: bool = True) -> Dataset:
    """User 0 buys 0 (late), 1, 2; user 1 buys 3 twice; user 2 buys 4 and 5."""
    buy = [(0, 0, 9), (0, 1, 5), (0, 2, 7), (1, 3, 1), (1, 3, 2), (2, 4, 8), (2, 5, 3)]
    view = [(0, 0, 8), (0, 3, 1), (2, 4, 7), (1, 5, 1)]
    relations, reverses = {}, []
    for key, pairs in ((BUY, buy), (VIEW, view)):
        relations[key] = relation(pairs)
        if not times:
            src, dst = relations[key].edges()
            relations[key] = Relation.from_edges(src, dst, 3, 6)
        back = EdgeType("item", f"rev_{key.name}", "user")
        relations[back] = relations[key].transpose
        reverses.append((key, back))
    graph = HeteroGraph(
        num_nodes={"user": 3, "item": 6}, relations=relations, reverses=tuple(reverses)
    )
    held = torch.tensor(test or [(0, 5), (1, 0)]).T
    return Dataset("toy/shop", graph, {"default": Links((BUY,), None, held)}, task="recommendation")


def predictions(users: Tensor, items: Tensor) -> PairPredictions:
    return PairPredictions({"user": users, "item": items}, Dot(), (("user", "item"),))


def pairs_of(task: Recommendation) -> set[tuple[int, int]]:
    return set(map(tuple, task.pairs.T.tolist()))


def test_the_last_purchase_is_held_out_of_every_behaviour() -> None:
    task = make_task(shop())
    assert isinstance(task, Recommendation)
    # User 1 has bought one item only, so nothing can be held out.
    assert pairs_of(task) == {(0, 1), (0, 2), (1, 3), (2, 5)}
    assert task.index("valid").tolist() == [0, 2]
    assert task.index("test").tolist() == [0, 1]
    for key in (BUY, VIEW):
        for one in (key, EdgeType("item", f"rev_{key.name}", "user")):
            src, dst = task.graph.relations[one].edges()
            found = set(zip(src.tolist(), dst.tolist(), strict=True))
            held = {(0, 0), (2, 4)} if one == key else {(0, 0), (4, 2)}
            assert not found & held
    assert task.graph.relations[VIEW].num_edges == 2
    assert audit(task).checks
    assert task.protocol["sizes"] == {"train": 5, "valid": 2, "test": 2}
    assert TaskSpec.from_dict(task.spec.to_dict()) == task.spec


def test_other_ways_to_hold_out() -> None:
    random = make_task(shop(), options={"valid": "random"})
    assert random.index("valid").tolist() == [0, 2]
    untimed = make_task(shop(times=False))
    assert pairs_of(untimed) == {(0, 0), (0, 1), (1, 3), (2, 4)}
    everything = make_task(shop(), options={"valid": "none"})
    assert everything.graph.relations[BUY].num_edges == 7
    assert audit(everything).checks


def test_known_purchases_are_not_ranked() -> None:
    task = make_task(shop(), options={"depths": (1, 2)})
    items = torch.tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]).unsqueeze(1)  # 0 before 1 before 2 ...
    vectors = predictions(torch.ones(3, 1), items)
    valid = task.score(vectors, "valid")
    # User 0 knows 1 and 2, held out is 0: rank 0. User 2 knows 5, held out is 4: after 0, 1, 2, 3.
    assert valid["recall@1"] == 0.5
    assert valid["mrr"] == pytest.approx((1 + 1 / 5) / 2)
    test = task.score(vectors, "test")
    # User 0 knows 0, 1, 2 by now; 3 and 4 are before 5. User 1 knows 3; 0 is the first.
    assert test["mrr"] == pytest.approx((1 / 3 + 1) / 2)
    assert test["loss"] == 1 - test["recall@1"]
    assert task.monitors[:3] == ("loss", "recall@1", "ndcg@1")


def test_the_best_epoch_is_that_of_the_best_recall() -> None:
    task = make_task(shop())
    epochs = [
        {"loss": 0.9, "recall@20": 0.1, "ndcg@20": 0.09},
        {"loss": 0.7, "recall@20": 0.3, "ndcg@20": 0.05},
    ]
    assert task.best_over_epochs(epochs) == {"recall@20": 0.3, "ndcg@20": 0.05}


def test_a_visible_test_purchase_is_a_leak() -> None:
    task = make_task(shop(test=[(0, 3)]))  # user 0 has viewed item 3
    with pytest.raises(LeakageError, match="view"):
        audit(task)


def test_a_view_for_tuning_has_no_test_part() -> None:
    view = make_task(shop()).without_test()
    with pytest.raises(PermissionError):
        view.score(predictions(torch.zeros(3, 1), torch.zeros(6, 1)), "test")
    assert view.held_out().shape == (2, 2)


def test_bad_input_is_told() -> None:
    task = make_task(shop())
    with pytest.raises(DataError, match=r"0 vectors of 'item', expected 6"):
        task.score(PairPredictions({"user": torch.zeros(3, 6)}, Dot(), ()), "valid")
    with pytest.raises(ConfigError, match="depths"):
        make_task(shop(), options={"depths": (0,)})
    with pytest.raises(ConfigError, match="valid"):
        make_task(shop(), options={"valid": "first"})
    one = relation([(0, 0, 1), (1, 1, 1)])
    graph = HeteroGraph(num_nodes={"user": 3, "item": 6}, relations={BUY: one})
    lone = Dataset(
        "toy/lone", graph, {"default": Links((BUY,), None, torch.tensor([[0], [3]]))},
        task="recommendation",
    )  # fmt: skip
    with pytest.raises(DataError, match="two edges"):
        make_task(lone)
    with pytest.raises(DataError, match="no held-out links"):
        make_task(Dataset("toy/bare", graph, task="recommendation"))
    with pytest.raises(DataError, match="has no target, so nothing can be asked"):
        make_task(Dataset("toy/bare", graph))


@pytest.mark.parametrize("valid", [None, torch.tensor([[0, 2], [4, 0]])])
def test_the_refit_learns_from_validation_purchases(valid: Tensor | None) -> None:
    dataset = shop()
    links = replace(dataset.links["default"], valid=valid)
    task = make_task(replace(dataset, targets={"default": links}))
    assert isinstance(task, Recommendation)
    view = task.refit_view()
    held = {(0, 0), (2, 4)} if valid is None else {(0, 4), (2, 0)}
    assert pairs_of(view) == pairs_of(task) | held
    assert not pairs_of(task) & held
    for key in (BUY, VIEW):
        src, dst = view.graph.relations[key].edges()
        found = set(zip(src.tolist(), dst.tolist(), strict=True))
        back = view.graph.relations[EdgeType("item", f"rev_{key.name}", "user")].edges()
        assert found == set(zip(back[1].tolist(), back[0].tolist(), strict=True))
        if key == BUY:
            assert found == pairs_of(view)
        elif valid is None:  # what was taken out of the other behaviours is back
            whole = dataset.graph.relations[VIEW].edges()
            assert found == set(zip(*(x.tolist() for x in whole), strict=True))
    assert view.index("valid").numel() == 0
    assert torch.equal(view.index("test"), task.index("test"))
    assert audit(view).checks
    given = predictions(torch.randn(3, 2), torch.randn(6, 2))
    assert view.score(given, "test") == task.score(given, "test")
    everything = make_task(shop(), options={"valid": "none"})
    assert torch.equal(everything.refit_view().labels, everything.labels)


def test_a_relation_that_the_graph_lacks_is_told() -> None:
    dataset = shop()
    lost = dataset.graph.without_relation(BUY)
    with pytest.raises(DataError, match=r"links of \(user -buy> item\) are held out"):
        make_task(replace(dataset, graph=lost))


def test_own_functions_are_refused() -> None:
    task = make_task(shop())
    for functions in ({"loss": torch.add}, {"metrics": {"m": torch.add}}):
        with pytest.raises(
            ConfigError,
            match=r"'recommendation' takes no loss or metric of your own: .* no targets",
        ):
            task.with_functions(**functions)  # type: ignore[arg-type]
    assert task.with_functions().monitors == task.monitors
