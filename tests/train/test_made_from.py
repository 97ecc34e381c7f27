from __future__ import annotations

from dataclasses import replace

import pytest

from hetgraph.catalog import Labels
from hetgraph.errors import ConfigError
from hetgraph.seeds import Seeds
from hetgraph.train.config import TrainConfig
from hetgraph.train.made_from import check_same, made_from, task_sha256


def test_harmless_settings_do_not_count(tiny):
    task = tiny.make_task()
    model = tiny.TinyModel.make(task)
    one = made_from(model, task, TrainConfig(), Seeds(), 1)
    two = made_from(model, tiny.make_task(), TrainConfig(checkpoint_seconds=1.0), Seeds(), 1)
    assert one == two
    assert one["train.lr"] == 1e-3
    assert one != made_from(model, task, TrainConfig(lr=0.5), Seeds(), 1)
    assert one != made_from(model, task, TrainConfig(), Seeds(sampling=1), 1)
    assert one != made_from(model, task, TrainConfig(), Seeds(), 2)


def test_the_task_counts_labels_and_splits_but_no_test_label(tiny):
    data = tiny.make_dataset()
    base = task_sha256(tiny.NodeClassification(data, Seeds()))

    def changed(split):
        node = data.splits["fixed"].__dict__[split][0]
        target = data.labels.target.clone()
        target[node] = (target[node] + 1) % 3
        labels = Labels("item", 3, data.labels.index, target)
        return task_sha256(tiny.NodeClassification(replace(data, targets=labels), Seeds()))

    assert changed("train") != base
    assert changed("valid") != base
    assert changed("test") == base


def test_the_first_difference_is_named():
    check_same({"a": 1, "b": [2]}, {"b": [2], "a": 1})
    with pytest.raises(ConfigError, match="b was 2 and is now 3"):
        check_same({"a": 1, "b": 2}, {"a": 1, "b": 3})
    with pytest.raises(ConfigError, match="c was None and is now 'x'"):
        check_same({"a": 1}, {"a": 1, "c": "x"})
    with pytest.raises(ConfigError, match="d was 4 and is now None"):
        check_same({"a": 1, "d": 4}, {"a": 1})
