"""A trained expert of ACM against the statistics of the authors' released one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.catalog.loading import load_dataset
from hetgraph.models.gph2.bank import get_expert
from hetgraph.models.gph2.config import ExpertConfig
from hetgraph.models.gph2.encoder import Encoder, aligned_features, view_propagators
from hetgraph.tasks import SelfSupervised


@pytest.mark.slow
def test_an_expert_is_like_the_released_one(data_root: Path) -> None:
    dataset = load_dataset("heco/acm", data_root)
    card, tensors = get_expert(dataset, ExpertConfig(), progress=False)
    assert card.loss < 0.05  # theirs: 0.013 to 0.032, by the seed of the features
    assert card.best_epoch is not None
    assert 120 < card.best_epoch < 400  # 181
    torch.testing.assert_close(float(tensors["norm.running_var"].mean()), 2.4e-6, rtol=0.25, atol=0)
    task = SelfSupervised(dataset.graph, "paper", dataset.name)
    views = view_propagators(
        task,
        tuple(dataset.metapaths.values()),
        num_views=1,
        config=ExpertConfig(),
        memory_budget="2GiB",
        generator=torch.Generator(),
    )
    features = aligned_features(task, 128, 0)
    encoder = Encoder(128).eval()
    encoder.load_state_dict(tensors)
    with torch.no_grad():
        encoded, shares = encoder([view(view(features)) for view in views.values()])
    assert abs(float(shares[:, 1].mean()) - 0.86) < 0.05  # papers of one subject
    assert abs(float(encoded.mean()) - 0.10) < 0.02
    assert abs(float(encoded.std()) - 0.14) < 0.02


def test_subjects_of_papers_are_multiplied_once(data_root: Path) -> None:
    """4.3 million pairs of papers with a common subject cost two entries a paper."""
    dataset = load_dataset("heco/acm", data_root)
    views = view_propagators(
        SelfSupervised(dataset.graph, "paper", dataset.name),
        tuple(dataset.metapaths.values()),
        num_views=1,
        config=ExpertConfig(),
        memory_budget="2GiB",
        generator=torch.Generator(),
    )
    assert [view.cost for view in views.values()] == [57_853, 8_098]
