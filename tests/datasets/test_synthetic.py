from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hetgraph import load_dataset
from hetgraph.catalog import Dataset
from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError


@pytest.fixture(scope="module")
def academic() -> Dataset:
    """Large enough that a linear probe comes close to the best accuracy."""
    return load_dataset("synthetic/academic", num_nodes=24_000)


def sources(dataset: Dataset) -> dict[str, np.ndarray]:
    """Returns what an author can know by each source: means along the relations."""
    graph = dataset.graph
    mean = {key.name: graph.relation(key).normalized("row").to_scipy() for key in graph.edge_types}
    own, paper, term = (graph.features[key].numpy() for key in ("author", "paper", "term"))
    venues = mean["written_by"] @ mean["publishes"]
    authors = mean["published_in"] @ mean["writes"]
    # Without the way back to oneself, which would carry one's own features.
    back = np.asarray(venues.multiply(authors.T).sum(axis=1)).reshape(-1, 1)
    return {
        "features": own,
        "author-paper": mean["written_by"] @ paper,
        "author-paper-venue-paper-author": venues @ (authors @ own) - back * own,
        "author-paper-term": mean["written_by"] @ (mean["mentioned_in"] @ term),
    }


def probe(dataset: Dataset, *features: np.ndarray) -> float:
    """Accuracy of a linear probe on the test authors."""
    x = np.hstack(features)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    assert dataset.labels is not None
    y, split = dataset.labels.target.numpy(), dataset.splits["default"]
    model = LogisticRegression(max_iter=300).fit(x[split.train], y[split.train])
    return float(model.score(x[split.test], y[split.test]))


def test_every_source_carries_its_known_share(academic: Dataset) -> None:
    expected, measured = academic.info["expected_accuracy"], sources(academic)
    own, one_hop, path, terms = measured.values()
    assert probe(academic, own) == pytest.approx(expected["features"], abs=0.03)
    assert probe(academic, one_hop) == pytest.approx(expected["author-paper"], abs=0.03)
    name = "author-paper-venue-paper-author"
    assert probe(academic, path) == pytest.approx(expected[name], abs=0.03)
    both = probe(academic, own, one_hop)
    assert both == pytest.approx(expected["features+author-paper"], abs=0.04)
    assert probe(academic, own, one_hop, path) == pytest.approx(expected["all"], abs=0.04)
    assert probe(academic, terms) == pytest.approx(1 / 12, abs=0.03)  # The distractor: chance.


def test_shares_are_different_and_no_source_suffices() -> None:
    expected = load_dataset("synthetic/academic").info["expected_accuracy"]
    shares = [expected[key] for key in ("author-paper", "features", "features+author-paper", "all")]
    assert shares == sorted(shares)
    assert expected["features+author-paper"] < 0.5 < 0.85 < expected["all"] < 0.95


def test_default_set_is_small_and_complete() -> None:
    dataset = load_dataset("synthetic/academic")
    graph = dataset.graph
    assert sum(graph.num_nodes.values()) == 8_000
    assert graph.num_edges == 2 * 40_800  # Every relation and its reverse.
    assert dict(graph.num_nodes) == {"author": 2400, "paper": 4800, "venue": 78, "term": 722}
    assert dataset.labels is not None
    assert dataset.labels.target.bincount(minlength=12).min() > 100
    degree = graph.relation(EdgeType("author", "writes", "paper")).transpose.degree
    assert degree.min() >= 2  # Everybody writes.
    assert "APVPA" in dataset.metapaths


def test_same_seed_same_graph_other_seed_other_graph() -> None:
    options: dict[str, Any] = {"num_nodes": 500}
    first = load_dataset("synthetic/academic", **options)
    assert first.graph.content_hash == load_dataset(first.name, **options).graph.content_hash
    other = load_dataset("synthetic/academic", seed=1, **options)
    assert first.graph.content_hash != other.graph.content_hash


def test_sizes_are_met_exactly() -> None:
    graph = load_dataset("synthetic/academic", num_nodes=3_000, num_edges=20_001).graph
    assert sum(graph.num_nodes.values()) == 3_000
    assert graph.num_edges == 2 * 20_001
    for relation in graph.relations.values():
        assert relation.coalesced("binary").nnz == relation.nnz  # No edge twice.
    assert sum(load_dataset("synthetic/academic", scale=0.5).graph.num_nodes.values()) == 4_000


def test_mag_has_schema_and_shares_of_the_original() -> None:
    dataset = load_dataset("synthetic/academic-mag", scale=0.02)
    graph = dataset.graph
    assert graph.node_types == ("paper", "author", "field", "institution")
    assert [(key.src, key.name, key.dst) for key in graph.edge_types] == [
        ("author", "affiliated_with", "institution"),
        ("author", "writes", "paper"),
        ("paper", "cites", "paper"),
        ("paper", "has_topic", "field"),
    ]
    expected = {"paper": 736_389, "author": 1_134_649, "field": 59_965, "institution": 8_740}
    for kind, count in expected.items():
        assert graph.num_nodes[kind] == pytest.approx(0.02 * count, abs=1)
    for key, count in zip(
        graph.edge_types, (1_043_998, 7_145_660, 5_416_271, 7_505_078), strict=True
    ):
        assert graph.relation(key).num_edges == pytest.approx(0.02 * count, rel=1e-4)
    assert graph.features["paper"].shape == (graph.num_nodes["paper"], 128)
    assert dataset.labels is not None
    assert dataset.labels.num_classes == 349
    split = dataset.splits["default"]
    assert split.valid is not None
    assert split.train.numel() / graph.num_nodes["paper"] == pytest.approx(0.855, abs=0.001)


def test_mag_classes_show_in_features_and_edges() -> None:
    dataset = load_dataset("synthetic/academic", size="mag", scale=0.01)
    assert dataset.labels is not None
    target = dataset.labels.target
    src, dst = dataset.graph.relation("cites").edges()
    assert (target[src] == target[dst]).float().mean() > 0.4  # Chance is below 0.02.
    features = dataset.graph.features["paper"]
    assert isinstance(features, torch.Tensor)
    same = torch.nn.functional.cosine_similarity(features[src], features[dst])
    assert same[target[src] == target[dst]].mean() > same[target[src] != target[dst]].mean() + 0.01


@pytest.mark.slow
def test_mag_at_full_size_has_the_published_counts() -> None:
    graph = load_dataset("synthetic/academic-mag").graph
    assert sum(graph.num_nodes.values()) == 1_939_743
    assert graph.num_edges == 21_111_007


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sede": 1}, "Did you mean 'seed'"),
        ({"scale": 0}, "scale is 0, expected a positive number"),
        ({"seed": -1}, "seed is -1"),
        ({"num_nodes": 10.5}, "num_nodes is 10.5"),
        ({"num_nodes": 50}, "expected 200 or more"),
        ({"num_nodes": 300, "num_edges": 100}, "expected 540 or more"),
        ({"num_nodes": 300, "num_edges": 10**6}, "distinct edges do not fit"),
        ({"size": "magg"}, "Did you mean 'mag'"),
    ],
)
def test_bad_options_give_one_clear_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset("synthetic/academic", **options)
