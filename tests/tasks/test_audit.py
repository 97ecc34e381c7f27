from dataclasses import replace

import pytest
import torch

from hetgraph.catalog import Dataset, Split
from hetgraph.data import CSR
from hetgraph.errors import LeakageError
from hetgraph.tasks import audit, make_task


def test_clean_task_passes(dataset: Dataset, multi_label: Dataset) -> None:
    assert len(audit(make_task(dataset)).checks) == 3
    assert len(audit(make_task(multi_label)).checks) == 3


def test_overlapping_splits_fail(dataset: Dataset) -> None:
    split = Split(torch.arange(10), torch.arange(10, 12), torch.arange(9, 20))
    with pytest.raises(LeakageError, match="1 nodes are in both train and test, for example 9"):
        audit(make_task(replace(dataset, splits={"s": split})))


def test_readable_test_label_fails(dataset: Dataset) -> None:
    task = make_task(dataset)
    task.labels[task.index("test")[0]] = 1
    with pytest.raises(LeakageError, match="1 labels of test nodes are readable"):
        audit(task)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("one_hot", [False, True])
def test_label_in_a_feature_column_fails(dataset: Dataset, sparse: bool, one_hot: bool) -> None:
    features = torch.rand(40, 5).round(decimals=1)
    classes = torch.arange(40) % 3
    features[:, 2] = (classes == 1).float() if one_hot else classes.float()
    value = CSR.from_dense(features) if sparse else features
    leaky = replace(dataset, graph=dataset.graph.with_features("author", value))
    with pytest.raises(LeakageError, match="feature column 2 of 'author' equals the label"):
        audit(make_task(leaky))


def test_categorical_feature_equal_to_the_label_fails(dataset: Dataset) -> None:
    leaky = replace(dataset, graph=dataset.graph.with_features("author", torch.arange(40) % 3))
    with pytest.raises(LeakageError, match="feature column 0"):
        audit(make_task(leaky))
