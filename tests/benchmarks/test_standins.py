"""The benchmark of stand-ins: what differs, what is measured."""

from __future__ import annotations

import io

from rich.console import Console

from hetgraph.benchmarks import standins as bench
from hetgraph.features.standins import featureless_types


def test_every_kind_is_trained_on_the_same_graph() -> None:
    case = bench.QUICK[0]
    dataset = case.load()
    assert featureless_types(dataset.graph) == ("author", "venue")
    found = list(bench.scores(case, dataset, "rgcn", seeds=(0,)))
    assert [score.kind for score in found] == ["ids", "incidence-svd", "neighbours", "random"]
    assert all(0 <= value <= 1 for score in found for value in score.values)
    assert len({score.values for score in found}) > 1
    console = Console(width=120, record=True, file=io.StringIO())
    bench.run(console, quick=True)
    text = console.export_text()
    assert "rgcn on synthetic/academic without author, 3 epochs, validation f1_mean" in text
    assert all(score.text in text for score in found)  # the same seed, so the same scores
