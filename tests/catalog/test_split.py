"""Splits that are drawn without chance."""

from __future__ import annotations

import pytest
import torch

from hetgraph.catalog.split import random_split
from hetgraph.errors import DataError


def test_a_random_split_is_60_20_20_and_the_same_everywhere() -> None:
    ids = torch.tensor([3, 14, 15, 92, 65, 35, 89, 79, 32, 38])
    split = random_split(ids, "nodes")
    assert split.valid is not None
    ids_of_splits = [split.train, split.valid, split.test]
    assert [len(chosen) for chosen in ids_of_splits] == [6, 2, 2]
    assert sorted(torch.cat(ids_of_splits).tolist()) == sorted(ids.tolist())
    assert split.test.tolist() == [32, 38]  # Kept: records were made with it.
    assert random_split(ids, "nodes", seed=1).test.tolist() == [15, 92]


def test_too_few_are_told() -> None:
    with pytest.raises(DataError, match="4 rated edges are too few"):
        random_split(torch.arange(4), "rated edges")
