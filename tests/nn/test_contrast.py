"""The contrastive loss in tiles: closed forms, and the matrix of all pairs."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

import hetgraph.nn.contrast as module
from hetgraph.errors import DataError
from hetgraph.nn import info_nce


def reference(
    one: torch.Tensor, other: torch.Tensor, temperature: float, group: torch.Tensor | None = None
) -> torch.Tensor:
    pairs = F.normalize(one) @ F.normalize(other).T / temperature
    if group is not None:
        twins = (group[:, None] == group[None]) & ~torch.eye(len(one), dtype=torch.bool)
        pairs = pairs.masked_fill(twins, float("-inf"))
    own = torch.arange(len(one))
    return (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.T, own)) / 2


@pytest.mark.parametrize("tile", [1, 10, 10**6])
@pytest.mark.parametrize("temperature", [0.5, 0.05])
@pytest.mark.parametrize("group", [None, torch.tensor([0, 3, 0, 0, 3, 2, 1])])
def test_equal_to_the_full_matrix(
    tile: int,
    temperature: float,
    group: torch.Tensor | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_TILE", tile)
    views = torch.randn(2, 7, 4, dtype=torch.float64)
    one, other = (view.clone().requires_grad_() for view in views)
    found = info_nce(one, other, temperature, group=group)
    expected = reference(one, other, temperature, group)
    torch.testing.assert_close(found, expected)
    grads = torch.autograd.grad(2 * found, (one, other))
    for mine, theirs in zip(grads, torch.autograd.grad(2 * expected, (one, other)), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_equal_orthonormal_views() -> None:
    for count in (1, 2, 9):
        found = info_nce(torch.eye(count), torch.eye(count))
        assert float(found) == pytest.approx(
            -math.log(math.e**2 / (math.e**2 + count - 1)), abs=1e-6
        )


def test_equal_vectors_have_the_loss_of_chance() -> None:
    one = torch.ones(5, 3, dtype=torch.float64)
    assert float(info_nce(one, one)) == pytest.approx(math.log(5))


def test_nodes_of_one_group_are_not_told_apart() -> None:
    views = torch.eye(3, dtype=torch.float64)[[0, 0, 2]]
    group = torch.tensor([7, 7, 1])
    assert float(info_nce(views, views, 0.07, group=group)) < 1e-5
    assert float(info_nce(views, views, 0.07)) > 0.4


def test_symmetric_and_blind_to_order_and_length() -> None:
    one, other = torch.randn(2, 20, 5, dtype=torch.float64)
    order = torch.randperm(20)
    expected = info_nce(one, other)
    for pair in ((other, one), (one[order], other[order]), (3 * one, 0.1 * other)):
        torch.testing.assert_close(info_nce(*pair), expected)


def test_no_nodes_and_bad_input() -> None:
    empty = torch.zeros(0, 3, requires_grad=True)
    info_nce(empty, empty).backward()
    with pytest.raises(DataError, match="shapes"):
        info_nce(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(DataError, match="temperature is 0"):
        info_nce(torch.zeros(2, 3), torch.zeros(2, 3), 0.0)
    with pytest.raises(DataError, match="group has shape"):
        info_nce(torch.zeros(2, 3), torch.zeros(2, 3), group=torch.zeros(3))
