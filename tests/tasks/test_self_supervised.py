"""A graph without labels: the model's own loss is the score."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import HeteroGraph
from hetgraph.tasks import NodePredictions, SelfSupervised


def test_the_score_is_what_the_model_lost(toy_graph: HeteroGraph) -> None:
    task = SelfSupervised(toy_graph, "paper", "toy/none")
    assert task.spec.kind == "self-supervised"
    assert task.labels.tolist() == [-1, -1, -1]
    assert task.index("train").tolist() == task.index("test").tolist() == [0, 1, 2]
    assert task.score(NodePredictions(torch.tensor([[0.25]])), "valid") == {"loss": 0.25}
    assert task.monitor_value({"loss": 0.25}, "loss") == -0.25
    with pytest.raises(PermissionError):
        task.without_test().index("test")
    assert task.refit_view().index("train").tolist() == [0, 1, 2]
    assert task.audit().checks == ("nothing is held out",)
    assert float(task.criterion()(torch.tensor([1.0, 3.0]), torch.zeros(2))) == 2.0
