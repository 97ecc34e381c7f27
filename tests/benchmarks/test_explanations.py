"""The benchmark of planted causes: where the labels are, and how weights are ranked."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

from hetgraph.benchmarks import explanations as bench
from hetgraph.benchmarks._planted import CANDIDATES
from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError
from hetgraph.methods import RelevanceRow


def agreement(made: bench.Planted, name: str) -> float:
    """Fraction of pairs of items with a common node of a type that are of one class."""
    relation = made.dataset.graph.relations[EdgeType(name, "marks", "item")]
    links = relation.to_dense()
    shared = (links @ links.T).fill_diagonal_(0) > 0
    labels = made.dataset.labels.target
    return float((labels[:, None] == labels)[shared].float().mean())


@pytest.mark.parametrize("cause", ["relation", "quiet relation", "meta-path"])
def test_one_type_alone_carries_the_labels(cause: bench.Cause) -> None:
    made = bench.planted(cause, seed=3)
    by_type = {name: agreement(made, name) for name in CANDIDATES}
    assert by_type.pop(made.cause) > 0.8
    assert max(by_type.values()) < 0.4
    graph = made.dataset.graph
    assert len({graph.features[name].shape for name in CANDIDATES}) == 1
    alike = bool((graph.features[made.cause] == 1).all())
    assert alike == (cause == "meta-path")
    sizes = {name: float(graph.features[name].norm()) for name in CANDIDATES}
    own = sizes.pop(made.cause)
    assert (min(sizes.values()) > 3 * own) == (cause == "quiet relation")
    again = bench.planted(cause, seed=3)
    assert again.dataset.graph.content_hash == graph.content_hash
    assert len({bench.planted(cause, seed).cause for seed in range(10)}) > 2


def test_an_unknown_cause_is_refused() -> None:
    with pytest.raises(ConfigError, match="cause is 'node', expected one of 'relation', 'quiet"):
        bench.planted("node")  # type: ignore[arg-type]


def test_a_cause_is_as_strong_as_the_rows_that_name_it_alone() -> None:
    rows = [
        RelevanceRow("item", "red -marks> item", 0, 0.5),
        RelevanceRow("item", "item-red-item", 1, 0.25),
        RelevanceRow("item", "{black, item} -> ... -> blue -marks> item", 2, 1.0),
        RelevanceRow("item", "green-item-red-item", 1, 9.0),
        RelevanceRow("item", "(self)", 1, 9.0),
        RelevanceRow("item", "red -marks> item", 0, 9.0, label=1),
        RelevanceRow("red", "item -marked_by> red", 0, 9.0),
    ]
    assert bench.strengths(rows) == {"red": 0.75, "green": 0, "blue": 1, "black": 0}


def test_equal_weights_share_a_rank() -> None:
    strength = {"red": 0.5, "green": 0.5, "blue": 0.5, "black": 0.9}
    assert [bench._rank(strength, name) for name in strength] == [3.0, 3.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("ranks", "accuracy", "verdict"),
    [
        ((1,) * 8 + (2,) * 2, 0.9, "finds it"),
        ((1,) * 7 + (2,) * 3, 0.9, "unsure"),
        ((1,) * 5 + (2,) * 5, 0.9, "misleads"),
        ((1,) * 10, 0.4, "learns nothing"),
    ],
)
def test_verdicts(ranks: tuple[float, ...], accuracy: float, verdict: str) -> None:
    assert bench.Finding("relation", "rgcn", ranks, accuracy).verdict == verdict


def test_a_trained_method_is_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CASES", {"meta-path": ("han",)})
    console = Console(width=80, record=True, file=io.StringIO())
    bench.run(console, quick=True)
    text = console.export_text()
    assert "planted meta-path: rank among 4 on 2 graphs" in text
    assert "│ han " in text
    found = bench.finding("meta-path", "han", graphs=1, epochs=20)
    assert (found.ranks, found.first) == ((1.0,), 1)
    assert found.accuracy > 0.8


def test_every_item_is_in_one_split() -> None:
    made = bench.planted("relation")
    split = made.dataset.splits["default"]
    ids = torch.cat([split.train, split.valid, split.test])
    assert torch.equal(ids.sort().values, torch.arange(400))
