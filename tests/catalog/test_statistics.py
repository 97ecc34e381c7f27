from __future__ import annotations

from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Links, Split, Values
from hetgraph.catalog.statistics import check_statistics, count_statistics
from hetgraph.data import HeteroGraph, Hypergraph
from hetgraph.errors import DataError


@pytest.fixture
def dataset(toy_graph: HeteroGraph) -> Dataset:
    labels = Labels("paper", 3, torch.tensor([2, 0, 1]), torch.tensor([1, 0, 1]))
    split = Split(train=torch.tensor([2]), valid=None, test=torch.tensor([0, 1]))
    link = Links((toy_graph.edge_types[0],), valid=None, test=torch.zeros(2, 5).long())
    info = {"counts": {"lines": 7}}
    return Dataset("toy", toy_graph, {"labels": labels, "l": link}, {"s": split}, info=info)


def test_everything_is_counted(dataset: Dataset) -> None:
    statistics = count_statistics(dataset)
    assert statistics["nodes"] == {"author": 2, "paper": 3, "venue": 1}
    assert statistics["edges"]["author -writes> paper"] == 4
    assert (statistics["num_nodes"], statistics["num_edges"]) == (6, 11)
    assert statistics["features"] == {"author": 2, "paper": 1}
    assert statistics["feature_nonzeros"] == {"author": 2, "paper": 3}
    assert (statistics["target"], statistics["classes"], statistics["labelled"]) == ("paper", 3, 3)
    assert statistics["class_counts"] == [1, 2, 0]
    assert statistics["splits"]["s"] == {
        "train": {"nodes": 1, "classes": [0, 1, 0]},
        "test": {"nodes": 2, "classes": [1, 1, 0]},
    }
    assert statistics["links"] == {"l": {"test": 5}}
    assert statistics["counts"] == {"lines": 7}


def test_multi_label_counts_every_class(toy_graph: HeteroGraph) -> None:
    target = torch.tensor([[True, True], [False, True]])
    labels = Labels("paper", 2, torch.tensor([0, 2]), target, multi_label=True)
    assert count_statistics(Dataset("toy", toy_graph, labels))["class_counts"] == [1, 2]


def test_equal_values_pass(dataset: Dataset) -> None:
    check_statistics(dataset, count_statistics(dataset))
    check_statistics(dataset, {})


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ({"num_edges": 12}, r"toy: num_edges: expected 12, found 11"),
        ({"nodes": {"author": 2, "paper": 3}}, r"nodes: venue: expected nothing, found 1"),
        ({"edges": {"a -b> c": 1}}, r"edges: author -writes> paper: expected nothing"),
        ({"features": {"author": 2, "paper": 1, "venue": 4}}, r"venue: expected 4, found nothing"),
        ({"class_counts": [1, 1, 1]}, r"expected \[1, 1, 1\], found \[1, 2, 0\]"),
        ({"splits": {"s": {"valid": {"nodes": 1}}}}, r"splits: s: valid: .* found nothing"),
        ({"splits": {"t": {}}}, r"splits: t"),
        ({"classes": 4}, r"classes: expected 4, found 3"),
    ],
)
def test_the_first_difference_is_named(
    dataset: Dataset, published: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        check_statistics(dataset, published)


def test_values_and_hypergraphs_are_counted(toy_graph: HeteroGraph) -> None:
    values = Values("paper", torch.tensor([2, 0]), torch.tensor([4.0, 0.5]).double())
    sets = Hypergraph.from_sets([[0, 5, 1], [3]], [0, 1], num_nodes=toy_graph.num_nodes)
    statistics = count_statistics(Dataset("toy", toy_graph, values, hypergraphs={"h": sets}))
    assert (statistics["target"], statistics["labelled"], statistics["value_range"]) == (
        "paper",
        2,
        [0.5, 4.0],
    )
    assert statistics["hypergraphs"] == {
        "h": {"edges": 2, "types": 2, "memberships": 4, "singletons": 1, "largest": 3}
    }
