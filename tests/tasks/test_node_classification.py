from dataclasses import replace

import pytest
import torch
from sklearn.metrics import f1_score

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodeClassification, NodePredictions, audit, make_task


def test_splits_are_disjoint_and_validation_comes_from_training(dataset: Dataset) -> None:
    task = make_task(dataset)
    parts = [task.index(part) for part in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [16, 4, 16]
    assert torch.cat(parts).unique().numel() == 36
    assert torch.equal(torch.cat(parts[:2]).sort().values, dataset.splits["default"].train)


def test_split_seed_alone_moves_the_validation_set(dataset: Dataset) -> None:
    one = make_task(dataset, seeds=Seeds(split=1)).index("valid")
    same = make_task(dataset, seeds=Seeds(split=1, init=5, sampling=6, projection=7)).index("valid")
    other = make_task(dataset, seeds=Seeds(split=2)).index("valid")
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_test_labels_cannot_be_read_but_scored(dataset: Dataset) -> None:
    task = make_task(dataset)
    test = task.index("test")
    assert bool((task.labels[test] == -1).all())
    assert bool((task.labels[task.index("train")] >= 0).all())
    logits = torch.nn.functional.one_hot(test % 3, 3).float()
    assert task.score(NodePredictions(logits), "test")["micro_f1"] == 1.0


def test_scores_equal_sklearn(dataset: Dataset) -> None:
    task = make_task(dataset)
    logits = torch.randn(16, 3)
    got = task.score(NodePredictions(logits), "test")
    want = task.index("test") % 3
    predicted = logits.argmax(1)
    assert got["macro_f1"] == pytest.approx(f1_score(want, predicted, average="macro"))
    assert got["micro_f1"] == pytest.approx(f1_score(want, predicted, average="micro"))
    assert got["loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(logits, want)))
    assert task.monitor_value(got, "loss") == -got["loss"]


def test_multi_label_scores_equal_sklearn(multi_label: Dataset) -> None:
    task = make_task(multi_label)
    logits = torch.randn(16, 4)
    want = multi_label.labels.target[20:]
    got = task.score(NodePredictions(logits), "test")
    assert got["micro_f1"] == pytest.approx(f1_score(want, logits > 0, average="micro"))
    assert bool((task.labels[task.index("test")] == -1).all())
    assert task.spec.multi_label


def test_half_protocol_adds_scores_of_a_fixed_half(dataset: Dataset) -> None:
    logits = torch.randn(16, 3)
    scores = [
        make_task(dataset, seeds=Seeds.from_seed(s), options={"test": "half"}).score(
            NodePredictions(logits), "test"
        )
        for s in (0, 1)
    ]
    assert scores[0] == scores[1]
    full = make_task(dataset).score(NodePredictions(logits), "test")
    assert {name: scores[0][name] for name in full} == full
    assert set(scores[0]) == {*full, *(f"{name}_half" for name in full)}


def test_half_protocol_takes_the_list_of_the_data_set(dataset: Dataset) -> None:
    ids = torch.arange(20, 23)
    none = torch.zeros(0, dtype=torch.int64)
    own = replace(dataset, splits={**dataset.splits, "half": Split(none, None, ids)})
    logits = torch.nn.functional.one_hot(torch.arange(20, 36) % 3, 3).float()
    logits[3:] = -logits[3:]
    scores = make_task(own, options={"test": "half"}).score(NodePredictions(logits), "test")
    assert scores["micro_f1_half"] == 1.0
    assert scores["micro_f1"] < 0.5


def test_shots_are_counted_by_class_and_what_is_left_out_is_hidden(dataset: Dataset) -> None:
    whole = make_task(dataset)
    few = make_task(dataset, options={"shots": 2, "test_nodes": 5})
    assert torch.bincount(few.labels[few.index("train")]).tolist() == [2, 2, 2]
    for part in ("train", "valid", "test"):
        assert set(few.index(part).tolist()) <= set(whole.index(part).tolist())
    shown = torch.cat([few.index("train"), few.index("valid")])
    assert torch.equal((few.labels >= 0).nonzero().squeeze(1), shown.sort().values)
    assert few.index("test").numel() == 5
    one = make_task(dataset, options={"shots": 1})
    assert set(one.index("train").tolist()) < set(few.index("train").tolist())
    other = make_task(dataset, seeds=Seeds(split=3), options={"shots": 2, "test_nodes": 5})
    assert torch.equal(other.index("test"), few.index("test"))
    assert not torch.equal(other.index("train"), few.index("train"))
    assert few.protocol["shots"] == 2
    assert "shots" not in whole.protocol
    logits = torch.nn.functional.one_hot(few.index("test") % 3, 3).float()
    assert few.score(NodePredictions(logits), "test")["micro_f1"] == 1.0


def test_a_column_that_equals_a_few_labels_by_chance_is_no_leak(dataset: Dataset) -> None:
    labels = dataset.labels
    graph = dataset.graph.with_features(
        labels.node_type, torch.eye(3)[torch.arange(dataset.graph.num_nodes[labels.node_type]) % 3]
    )
    telling = replace(dataset, graph=graph)
    report = audit(make_task(telling, options={"shots": 1}))
    assert "too few labels to look for one among the features" in report.checks
    with pytest.raises(LeakageError, match="equals the label"):
        audit(make_task(telling))
    with pytest.raises(LeakageError, match="equals the label"):
        audit(make_task(telling, options={"shots": 3}))  # every class has a column
    one = graph.features[labels.node_type][:, :1]
    chance = replace(dataset, graph=dataset.graph.with_features(labels.node_type, one))
    assert len(audit(make_task(chance, options={"shots": 3})).checks) == 3
    with pytest.raises(LeakageError, match="equals the label"):
        audit(make_task(chance))


def test_shots_need_single_classes_and_positive_numbers(multi_label: Dataset) -> None:
    with pytest.raises(DataError, match=r"task\.shots cannot be counted"):
        make_task(multi_label, options={"shots": 2})
    with pytest.raises(ConfigError, match=r"task\.test_nodes is 0, expected at least 1"):
        make_task(multi_label, options={"test_nodes": 0})


def test_random_split_and_named_split(dataset: Dataset) -> None:
    task = make_task(dataset, options={"split": "random", "train_fraction": 0.5})
    assert [task.index(p).numel() for p in ("train", "valid", "test")] == [14, 4, 18]
    assert task.protocol["split"] == "random"
    assert task.protocol["sizes"] == {"train": 14, "valid": 4, "test": 18}
    with pytest.raises(ConfigError, match=r"no split 'defalt'.*Did you mean 'default'"):
        make_task(dataset, options={"split": "defalt"})
    with pytest.raises(ConfigError, match="no split '20'"):
        make_task(dataset, options={"labels_per_class": 20})


def test_tuning_view_has_no_test(dataset: Dataset) -> None:
    view = make_task(dataset).without_test()
    assert view.index("valid").numel() == 4
    blank = NodePredictions(torch.zeros(16, 3))
    for attempt in (lambda: view.index("test"), lambda: view.score(blank, "test")):
        with pytest.raises(PermissionError, match="no test split"):
            attempt()


def test_wrong_input_is_told(dataset: Dataset) -> None:
    task = make_task(dataset)
    with pytest.raises(DataError, match=r"shape \[3, 3\], expected \[16, 3\]"):
        task.score(NodePredictions(torch.zeros(3, 3)), "test")
    with pytest.raises(ConfigError, match="Did you mean 'train'"):
        task.index("trian")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="valid_fraction"):
        make_task(dataset, options={"valid_fraction": 1.5})
    with pytest.raises(ConfigError, match="unknown monitor"):
        task.monitor_value({"loss": 1.0}, "micro")
    with pytest.raises(DataError, match="no node labels"):
        NodeClassification(replace(dataset, targets=None), Seeds())
    none = torch.zeros(0, dtype=torch.int64)
    empty = replace(dataset, splits={"s": Split(torch.arange(3), torch.arange(3, 6), none)})
    with pytest.raises(DataError, match="the test split holds no labelled node"):
        make_task(empty)
    beyond = replace(
        dataset, splits={"s": Split(torch.tensor([38]), torch.arange(3), torch.arange(4, 9))}
    )
    with pytest.raises(DataError, match="train node 38 has no label"):
        make_task(beyond)


def test_labels_are_checked() -> None:
    with pytest.raises(DataError, match="run from 0 to 3"):
        Labels("a", 3, torch.arange(2), torch.tensor([0, 3]))
    with pytest.raises(DataError, match="twice"):
        Labels("a", 3, torch.tensor([1, 1]), torch.tensor([0, 2]))
