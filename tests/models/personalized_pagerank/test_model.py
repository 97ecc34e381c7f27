"""Personalised PageRank: who attracts the surfer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError
from hetgraph.methods import importance_edges
from hetgraph.models.personalized_pagerank import (
    PersonalizedPageRank,
    PersonalizedPageRankConfig,
)
from hetgraph.ops import pagerank
from hetgraph.tasks import make_task


def test_training_values_are_where_the_surfer_jumps(
    importance_dataset: Callable[..., Dataset],
) -> None:
    task = make_task(importance_dataset())
    known = torch.full((60,), torch.nan).double()
    known[[2, 5, 7]] = torch.tensor([1.0, 3.0, -2.0]).double()
    model = PersonalizedPageRank.for_task(task, PersonalizedPageRankConfig(damping=0.5))
    edges, _ = importance_edges(task, undirected=True)
    teleport = torch.zeros(67)
    teleport[2], teleport[5] = 1, 3
    wanted = pagerank(edges, teleport=teleport, damping=0.5)[:60] * 67
    torch.testing.assert_close(model.scores(task, known), wanted)
    with pytest.raises(ConfigError, match="damping"):
        PersonalizedPageRankConfig(damping=0.0)
