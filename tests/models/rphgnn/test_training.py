"""Accuracy on real data: one seed at the published settings, some standard deviations below."""

from __future__ import annotations

import pytest
import torch

import hetgraph
from hetgraph.catalog import Dataset, Labels
from hetgraph.models.rphgnn import RpHGNN, RpHGNNConfig
from hetgraph.runs.experiment import find_experiment
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict
from hetgraph.tasks import make_task
from hetgraph.train import TrainConfig, Trainer

pytestmark = pytest.mark.slow


def train(dataset: Dataset, name: str) -> dict[str, float]:
    experiment = find_experiment(RpHGNN, name)
    assert experiment is not None
    seeds = Seeds.from_seed(0)
    task = make_task(dataset, seeds=seeds)
    torch.manual_seed(seeds.key("init"))
    config = config_from_dict(RpHGNNConfig, experiment.settings["model"])
    model = RpHGNN.for_task(task, config)
    trainer = Trainer(
        config_from_dict(TrainConfig, experiment.settings["train"]), seeds=seeds, progress=False
    )
    return trainer.fit(model, task).metrics["test"]


@pytest.mark.parametrize(("name", "gate"), [("DBLP", 0.945), ("ACM", 0.93), ("IMDB", 0.68)])
def test_published_settings_reach_the_gate(data_root, name, gate):
    dataset = hetgraph.load_dataset(f"hgb/{name}", root=data_root)
    assert train(dataset, f"hgb/{name}")["micro_f1"] >= gate


def test_shuffled_labels_are_not_learnt(data_root):
    dataset = hetgraph.load_dataset("hgb/DBLP", root=data_root)
    labels = dataset.labels
    assert labels is not None
    order = torch.randperm(labels.target.numel(), generator=torch.Generator().manual_seed(0))
    shuffled = Labels(labels.node_type, labels.num_classes, labels.index, labels.target[order])
    wrong = Dataset("hgb/DBLP", dataset.graph, shuffled, dataset.splits)
    assert train(wrong, "hgb/DBLP")["micro_f1"] < 0.4
