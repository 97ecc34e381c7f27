"""Popularity: counts as published."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.models.popularity import Popularity, PopularityConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task


@pytest.mark.parametrize(
    ("name", "every", "recall", "ndcg"),
    [
        ("retail_rocket", False, 0.0455, 0.0226),
        ("retail_rocket", True, 0.0465, 0.0218),
        pytest.param("tmall", False, 0.0126, 0.0050, marks=pytest.mark.slow),
        pytest.param("tmall", True, 0.0115, 0.0049, marks=pytest.mark.slow),
    ],
)
def test_the_known_anchors(
    name: str, every: bool, recall: float, ndcg: float, data_root: Path
) -> None:
    """Measured on the same files with another implementation; ties go to the lower id."""
    dataset = load_dataset(f"diffgraph/{name}", root=data_root)
    task = make_task(dataset, options={"valid": "none"})
    model = Popularity.for_task(task, PopularityConfig(all_behaviours=every))
    assert model.num_parameters() == 0
    scores = task.score(model.predict(model.prepare(task, seeds=Seeds()), "test"), "test")
    assert scores["recall@20"] == pytest.approx(recall, abs=5e-5)
    assert scores["ndcg@20"] == pytest.approx(ndcg, abs=5e-5)
    assert torch.equal(torch.tensor(scores["hits@20"]), torch.tensor(scores["recall@20"]))
