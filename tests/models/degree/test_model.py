"""Degree: counts and their order."""

from __future__ import annotations

from collections.abc import Callable

import torch

from hetgraph.catalog import Dataset
from hetgraph.models.degree import Degree, DegreeConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task


def test_edges_of_all_relations_are_counted_once(
    importance_dataset: Callable[..., Dataset],
) -> None:
    task = make_task(importance_dataset())
    counts = {name: task.graph.relation(name) for name in ("likes", "near", "tagged")}
    arriving = counts["likes"].degree + counts["near"].degree
    leaving = sum(relation.transpose.degree for relation in counts.values())
    for config, wanted in (
        (DegreeConfig(), arriving + leaving),
        (DegreeConfig(undirected=False), arriving),
    ):
        model = Degree.for_task(task, config)
        known = torch.full((60,), torch.nan).double()
        assert torch.equal(model.scores(task, known), wanted.double())
        predicted = model.prepare(task, seeds=Seeds()).predicted
        assert torch.equal(predicted.argsort(stable=True), wanted.argsort(stable=True))


def test_without_edges_other_members_count(importance_dataset: Callable[..., Dataset]) -> None:
    task = make_task(importance_dataset(edges=False))
    scores = Degree.for_task(task, DegreeConfig()).scores(task, torch.zeros(60))
    # Item 3: nineteen others in the first set, none in the last; item 17 is in two sets.
    assert (float(scores[3]), float(scores[17])) == (19.0, 19.0 + 24.0)
