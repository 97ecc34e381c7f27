"""Which task is made of a data set."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hetgraph.catalog import Dataset, Links, Values
from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, DataError, UserError
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.registry import models
from hetgraph.tasks import families, make_task, task_class
from hetgraph.tasks.factory import related_families


def test_all_families_are_known() -> None:
    assert set(families()) == {
        "node-classification",
        "node-regression",
        "node-importance",
        "few-shot",
        "link-prediction",
        "recommendation",
        "edge-classification",
        "edge-regression",
    }
    assert all(task_class(name).name == name for name in families())
    with pytest.raises(UserError, match=r"'node-regresion'.*Did you mean 'node-regression'"):
        task_class("node-regresion")


def test_families_of_the_same_targets_are_related() -> None:
    assert related_families("node-importance") == ("node-importance", "node-regression")
    assert related_families("node-regression") == ("node-regression", "node-importance")
    assert set(related_families("few-shot")) == {"few-shot", "node-classification"}
    assert related_families("recommendation") == ("recommendation", "link-prediction")
    assert related_families("edge-regression") == ("edge-regression",)


def test_the_kind_is_asked_for_else_that_of_the_data_set(dataset: Dataset) -> None:
    values = Values("author", torch.arange(30), torch.arange(30).double())
    both = replace(dataset, targets={"values": values, "labels": dataset.labels}, splits={})
    assert make_task(dataset).name == "node-classification"
    assert make_task(both).name == "node-importance"  # of its first target
    assert make_task(replace(both, task="node-classification")).name == "node-classification"
    assert make_task(both, family="node-regression").name == "node-regression"
    options = {"kind": "few-shot", "shots": 1}
    chosen = make_task(both, options=options, family="node-regression")
    assert chosen.name == "few-shot"
    assert chosen.protocol["kind"] == "few-shot"
    assert "kind" not in make_task(dataset).protocol
    cites = EdgeType("paper", "cites", "paper")
    links = Links((cites,), None, torch.tensor([[0], [44]]))
    graph = dataset.graph.without_edges(cites, *links.test)
    assert make_task(replace(dataset, graph=graph, targets=links)).name == "link-prediction"


def test_what_cannot_be_made_is_told(dataset: Dataset) -> None:
    with pytest.raises(UserError, match=r"'node-clasification'.*Did you mean 'node-classif"):
        make_task(dataset, options={"kind": "node-clasification"})
    with pytest.raises(ConfigError, match="'self-supervised' is not made from a data set"):
        make_task(dataset, family="self-supervised")
    with pytest.raises(DataError, match="has no node values"):
        make_task(dataset, family="node-regression")
    with pytest.raises(ConfigError, match="shots"):
        make_task(dataset, options={"shotss": 3})
    with pytest.raises(DataError, match="has no target, so nothing can be asked"):
        make_task(replace(dataset, targets=None))


def test_the_family_that_a_model_is_run_in() -> None:
    few = models.get("gph2")
    assert few.family_on("node-classification") == "few-shot"
    assert few.family_on("") == "few-shot"
    assert few.family_on("node-classification", "node-classification") == "node-classification"
    assert few.family_on("recommendation") == "recommendation"
    assert MLP.family_on("") == "node-classification"
    assert MLP.family_on("few-shot") == "few-shot"
    assert MLP.family_on("node-importance", "node-regression") == "node-regression"
    with pytest.raises(UserError, match="Did you mean 'link-prediction'"):
        MLP.family_on("", "link-predicton")


def test_a_model_that_refuses_says_why(dataset: Dataset) -> None:
    assert MLP.refuses("edge-regression") == ""
    reason = models.get("gph2").refuses("node-classification")
    assert reason.startswith("it fuses experts of other graphs")
    task = make_task(dataset)
    with pytest.raises(ConfigError, match=r"'gph2' is not for node-classification"):
        models.get("gph2").for_task(task, None)
    assert MLP.for_task(task, MLPConfig()).name == "mlp"
