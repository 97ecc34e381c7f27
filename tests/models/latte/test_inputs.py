"""What each split of the task may see."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from hetgraph.methods import EncoderMethod, Stage
from hetgraph.models.latte import LATTEConfig
from hetgraph.models.latte.inputs import make_views
from hetgraph.seeds import Seeds

WAYS = [
    {},
    {"weighting": "pattern", "attention": "linear", "proximity": 1.0, "scope": "all"},
    {"weighting": "pattern", "context": "previous", "carry": "attention", "edge_threshold": 0.0},
]


def changed(task, ids):
    """A task in which the features of some papers are others."""
    papers = task.graph.features["paper"].clone()
    papers[ids] += torch.randn(papers[ids].shape)
    other = copy.copy(task)
    other.graph = task.graph.with_features("paper", papers)
    return other


def step(model: EncoderMethod, inputs) -> float:
    model.train()
    torch.manual_seed(0)
    batch = next(model.batches(inputs, "train", stage=Stage(), batch_size=100))
    loss = model.training_step(batch, stage=Stage()).total.item()
    model.eval()
    return loss


@pytest.mark.parametrize("settings", WAYS)
@pytest.mark.parametrize("inductive", [True, False])
def test_later_splits_are_hidden_if_inductive(make_graph, make_method, inductive, settings):
    model, inputs, task = make_method(make_graph(), **settings, inductive=inductive)
    valid, test, unlabelled = task.index("valid"), task.index("test"), torch.tensor([12])

    def same(ids, split) -> bool:
        other = model.prepare(changed(task, ids), seeds=Seeds())
        if split == "step":
            return step(model, inputs) == step(model, other)
        with torch.no_grad():
            before, after = (model.predict(given, split).values for given in (inputs, other))
            return torch.equal(before, after)

    later = torch.cat([valid, test])
    assert same(later, "step") is inductive
    assert same(later, "train") is inductive
    assert same(test, "valid") is inductive
    assert not same(valid, "valid")
    assert not same(task.index("train"), "test")
    assert not same(unlabelled, "step")


def test_transductive_splits_share_one_view(make_graph, make_run):
    _, inputs, _ = make_run(make_graph())
    assert len({id(view) for view in inputs.by_split.values()}) == 1
    assert not inputs.view.visible


def test_hidden_nodes_have_no_edges(make_graph, make_run):
    model, inputs, task = make_run(make_graph(), inductive=True)
    shown = {split: view.visible["paper"] for split, view in inputs.by_split.items()}
    assert list(shown) == ["train", "valid", "test"]
    train, valid = task.index("train"), task.index("valid")
    assert shown["train"].tolist() == [*train.tolist(), 12, 13]
    assert shown["valid"].tolist() == [*train.tolist(), *valid.tolist(), 12, 13]
    assert shown["test"].numel() == 14
    hidden = torch.ones(14, dtype=torch.bool)
    hidden[shown["train"]] = False
    for key, relation in inputs.by_split["train"].relations.items():
        if key.dst == "paper":
            assert not bool(relation.degree[hidden].any())
        if key.src == "paper":
            assert not bool(relation.transpose.degree[hidden].any())
        assert relation.nnz < task.graph.relations[key].nnz
    assert model.config.inductive


def test_weights_of_hidden_edges_change_nothing(make_graph, make_run):
    graph = make_graph(weighted=True)
    _, inputs, task = make_run(graph, inductive=True)
    test = task.index("test")
    changed = {}
    for key, edges in graph.relations.items():
        src, dst = edges.edges()
        ends = src if key.src == "paper" else dst
        weight = torch.where(torch.isin(ends, test), edges.weight * 7, edges.weight)
        changed[key] = edges.with_weight(weight)
    _, others, _ = make_run(graph.replace(relations=changed), inductive=True)
    for split, same in (("train", True), ("valid", True), ("test", False)):
        views = [given.by_split[split].relations for given in (inputs, others)]
        equal = [torch.equal(views[0][key].weight, views[1][key].weight) for key in views[0]]
        assert all(equal) if same else not any(equal)


def test_a_task_without_test_split_hides_what_could_be_test_nodes(make_graph, make_run):
    model, _, task = make_run(make_graph(), inductive=True)
    views = make_views(task.without_test(), "paper", model.plans, model.config)
    assert list(views) == ["train", "valid"]
    assert views["train"].visible["paper"].tolist() == task.index("train").tolist()


def test_relations_that_no_order_reads_are_left_out(make_graph, make_run):
    model, _, task = make_run(make_graph())
    views = make_views(task, "paper", model.plans[:1], replace(LATTEConfig(), num_orders=1))
    assert {key.dst for key in views["train"].relations} == {"paper"}
