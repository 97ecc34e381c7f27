"""Arrays of entries, without the matrix around them."""

from __future__ import annotations

import torch

from hetgraph.data.entries import inverse_sum


def test_the_inverse_of_a_sum_that_is_not_positive_is_zero() -> None:
    value = torch.tensor([3.0, 1.0, 0.0, -2.0])
    ids = torch.tensor([0, 0, 1, 3])
    assert inverse_sum(value, ids, 4, -1.0).tolist() == [0.25, 0.0, 0.0, 0.0]
    assert inverse_sum(value, ids, 4, -0.5).tolist() == [0.5, 0.0, 0.0, 0.0]
