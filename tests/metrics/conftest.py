from __future__ import annotations

import pytest
import torch
from torch import Tensor

CASES = [(1, 7, False), (2, 200, False), (3, 201, True), (4, 64, True), (5, 2, False)]


@pytest.fixture(params=CASES)
def pair(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    """Predictions and targets of 0 or more, with many ties or none."""
    seed, size, ties = request.param
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(size, generator=generator, dtype=torch.float64) * 10
    predicted = target + torch.randn(size, generator=generator, dtype=torch.float64) * 4
    return (predicted.round(), target.round()) if ties else (predicted, target)
