"""The protocol on the public files: its size, and the baseline that the leaderboard tells of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.nn import Dot
from hetgraph.tasks import PairPredictions, audit, make_task


def test_lastfm_by_the_number_of_listeners(data_root: Path) -> None:
    task = make_task(load_dataset("hgb/LastFM", root=data_root))
    assert audit(task).checks
    assert task.protocol["sizes"] == {
        "train": {"links": 67029, "negatives": 67029},
        "valid": {"links": 7238, "negatives": 7238},
        "test": {"links": 18567, "negatives": 18567},
    }
    key = task.spec.edge_type
    assert key is not None
    listeners = task.graph.relations[key].degree.float()
    vectors = {
        key.src: torch.ones(task.graph.num_nodes[key.src], 1),
        key.dst: listeners.unsqueeze(1),
    }
    found = task.score(PairPredictions(vectors, Dot(), ((key.src, key.dst),)), "test")
    assert found["roc_auc"] == pytest.approx(0.568, abs=0.005)
    assert found["mrr"] == pytest.approx(0.776, abs=0.01)


@pytest.mark.parametrize("split", ["link_1", "link_2"])
def test_amazon_passes_the_audit(data_root: Path, split: str) -> None:
    dataset = load_dataset("gatne/amazon", root=data_root)
    task = make_task(dataset, options={"split": split, "negatives": "shipped"})
    assert len(audit(task).checks) == 2
