"""From the command's settings to a record and its explanation, on a graph no expert knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.catalog import Dataset
from hetgraph.catalog.fetch import data_root
from hetgraph.explain import explain
from hetgraph.models.gph2 import sources
from hetgraph.runs import run, settings_from
from hetgraph.runs.reopen import reopen

SETTINGS = (
    "model.sources=[toy/one,toy/papers]",
    "model.expert.epochs=3",
    "model.expert.dim=16",
    "train.max_epochs=5",
    "task.shots=3",
    "task.number=2",
    "task.test_fraction=0.5",
    "data.num_nodes=3000",
)


def test_a_run_is_trained_and_explained(
    tmp_path: Path, toys: dict[str, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "synthetic/academic"
    toy, roots = sources.load_dataset, []
    monkeypatch.setattr(
        sources, "load_dataset", lambda one: (roots.append(data_root()), toy(one))[1]
    )
    record = run(
        "gph2",
        name,
        settings=settings_from("gph2", None, SETTINGS, name),
        metapaths=("author-paper-author",),
        root=tmp_path / "data",
        out=tmp_path / "run",
        progress=False,
    )
    assert roots == [tmp_path / "data"] * 2
    assert record.extra["protocol"]["number"] == 2
    assert record.extra["protocol"]["sizes"]["train"] % 3 == 0
    assert 0 < record.metrics["test"]["macro_f1"] <= 1
    # A finished run holds its experts: sources are not needed to explain it.
    monkeypatch.setattr(sources, "load_dataset", None)
    made = explain(tmp_path / "run", by_class=True, formats=())
    assert {row.relation for row in made.rows} == {"toy/one", "toy/papers"}
    again = reopen(tmp_path / "run")
    experts = again.model.earlier(again.inputs, "valid")["before fusion"]
    assert experts.shape == (again.task.index("valid").numel(), 2 * 16)
    for label in {row.label for row in made.rows}:
        assert abs(sum(row.weight for row in made.rows if row.label == label) - 1) < 1e-5
