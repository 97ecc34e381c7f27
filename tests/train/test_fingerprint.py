from __future__ import annotations

from dataclasses import replace

import torch

from hetgraph.catalog import NodeLabels, NodeValues, Split
from hetgraph.data import Hypergraph
from hetgraph.seeds import Seeds
from hetgraph.train.config import TrainConfig
from hetgraph.train.fingerprint import dataset_sha256, fingerprint, task_sha256


def test_the_same_run_has_the_same_fingerprint_and_harmless_settings_do_not_count(tiny):
    task = tiny.make_task()
    model = tiny.TinyModel.make(task)
    one = fingerprint(model, task, TrainConfig(), Seeds(), 1)
    two = fingerprint(model, tiny.make_task(), TrainConfig(checkpoint_seconds=1.0), Seeds(), 1)
    assert one == two
    assert one["train.lr"] == 1e-3
    assert one != fingerprint(model, task, TrainConfig(lr=0.5), Seeds(), 1)
    assert one != fingerprint(model, task, TrainConfig(), Seeds(sampling=1), 1)
    assert one != fingerprint(model, task, TrainConfig(), Seeds(), 2)


def test_the_task_counts_labels_and_parts_but_no_test_label(tiny):
    data = tiny.make_dataset()
    base = task_sha256(tiny.NodeClassification(data, Seeds()))

    def changed(part):
        node = data.splits["fixed"].__dict__[part][0]
        target = data.labels.target.clone()
        target[node] = (target[node] + 1) % 3
        labels = NodeLabels("item", 3, data.labels.index, target)
        return task_sha256(tiny.NodeClassification(replace(data, labels=labels), Seeds()))

    assert changed("train") != base
    assert changed("valid") != base
    assert changed("test") == base


def test_the_data_set_counts_all_of_it(tiny):
    data = tiny.make_dataset()
    base = dataset_sha256(data)
    assert base == dataset_sha256(tiny.make_dataset())
    assert base != dataset_sha256(tiny.make_dataset(noise=0.6))
    split = data.splits["fixed"]
    moved = Split(split.train[1:], split.valid, torch.cat([split.test, split.train[:1]]))
    assert base != dataset_sha256(replace(data, splits={"fixed": moved}))
    assert base != dataset_sha256(replace(data, labels=None))
    values = NodeValues("item", torch.tensor([0]), torch.tensor([1.0]).double())
    counts = data.graph.num_nodes
    one = Hypergraph.from_sets([[0, 1], [2]], [0, 0], num_nodes=counts)
    two = Hypergraph.from_sets([[0, 2], [1]], [0, 0], num_nodes=counts)
    others = [{"values": values}, {"hypergraphs": {"h": one}}, {"hypergraphs": {"h": two}}]
    assert len({base, *(dataset_sha256(replace(data, **other)) for other in others)}) == 4
