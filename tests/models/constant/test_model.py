"""Constant: the errors that are known of the real sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph import load_dataset
from hetgraph.models.constant import Constant, ConstantConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task


@pytest.mark.parametrize(
    ("name", "errors", "ndcg", "std", "overlap"),
    [
        ("FB15k", (1.5102, 1.2044, 1.0470), 0.769, 0.012, 0.0354),
        ("TMDB5K", (1.1884, 0.9848, 0.8819), 0.563, 0.030, 0.1041),
    ],
)
def test_the_known_anchors(
    name: str,
    errors: tuple[float, ...],
    ndcg: float,
    std: float,
    overlap: float,
    data_root: Path,
) -> None:
    """Fold 0, measured with another implementation; its NDCG is that of 200 random orders."""
    task = make_task(load_dataset(f"nie/{name}", root=data_root))
    model = Constant.for_task(task, ConstantConfig())
    scores = task.score(model.predict(model.prepare(task, seeds=Seeds()), "test"), "test")
    actual = tuple(scores[key] for key in ("rmse", "mae", "median_ae"))
    assert actual == pytest.approx(errors, abs=5e-5)
    assert scores["spearman"] == 0
    assert scores["ndcg@100"] == pytest.approx(ndcg, abs=std / 4)
    assert scores["precision@100"] == pytest.approx(overlap, abs=1e-4)
