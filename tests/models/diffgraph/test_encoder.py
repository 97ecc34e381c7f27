"""Propagation along a view: the specification's toy values, and a dense reference."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.data import CSR
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.nn.propagator import Propagator, make_propagator

BIPARTITE = CSR.from_coo(  # users 0, 1 and items 2, 3
    torch.tensor([0, 0, 1, 2, 3, 3]), torch.tensor([2, 3, 3, 0, 0, 1]), (4, 4)
)
START = torch.tensor([[1.0, 0], [0, 1], [1, 1], [-2, 1]])


def random_view(seed: int = 0, num_nodes: int = 12, entries: int = 30) -> CSR:
    generator = torch.Generator().manual_seed(seed)
    rows, cols = torch.randint(num_nodes - 2, (2, entries), generator=generator)
    return CSR.from_coo(rows, cols, (num_nodes, num_nodes)).coalesced("binary")


def dense_reference(pattern: CSR, x: torch.Tensor, layers: int, unit: bool) -> torch.Tensor:
    a = pattern.to_dense(x.dtype)
    p = a / a.sum(1, keepdim=True).clamp(min=1).sqrt() / a.sum(0).clamp(min=1).sqrt()
    total, z = x, x
    for _ in range(layers):
        z = F.leaky_relu(p @ z, 0.5)
        scaled = z / z.norm(dim=1, keepdim=True).clamp(min=1e-12)
        total, z = total + scaled, scaled if unit else z
    return total


def test_toy_values_of_two_layers() -> None:
    propagator = make_propagator(BIPARTITE)
    first = F.leaky_relu(propagator(START), 0.5)
    expected = [[-0.146447, 1.207107], [-0.707107, 0.707107], [0.707107, 0], [0.5, 0.707107]]
    torch.testing.assert_close(first, torch.tensor(expected), rtol=0, atol=1e-6)
    raw = encode_view(propagator, START, 2, "raw")
    expected = [
        [1.784097, 1.419122],
        [-0.129757, 2.523603],
        [1.939451, 1.998165],
        [-1.674027, 2.784386],
    ]
    torch.testing.assert_close(raw, torch.tensor(expected), rtol=0, atol=1e-6)
    unit = encode_view(propagator, START, 2, "unit")
    expected = [
        [1.804822, 1.372056],
        [-0.129757, 2.523603],
        [1.939451, 1.998165],
        [-1.693290, 2.779177],
    ]
    torch.testing.assert_close(unit, torch.tensor(expected), rtol=0, atol=1e-6)


def test_messages_of_a_directed_view_go_along_its_edges() -> None:
    edges = CSR.from_coo(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2]), (3, 3))
    x = torch.tensor([[1.0, -1], [2, 0], [0, 3]])
    propagator = make_propagator(edges.transpose)
    expected = [[0.707107, -0.353553], [0.707107, -0.353553], [2, 0]]
    torch.testing.assert_close(
        F.leaky_relu(propagator(x), 0.5), torch.tensor(expected), rtol=0, atol=1e-6
    )
    expected = [[1.894427, -1.447214], [2.894427, -0.447214], [1, 3]]
    torch.testing.assert_close(
        encode_view(propagator, x, 1, "unit"), torch.tensor(expected), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("feed", ["raw", "unit"])
@pytest.mark.parametrize("dense", [False, True])
def test_equal_to_the_dense_reference(feed: str, dense: bool) -> None:
    pattern = random_view()
    x = torch.randn(12, 3, dtype=torch.float64)
    scaled = pattern.with_weight(torch.ones(pattern.nnz, dtype=torch.float64)).normalized("sym")
    propagator = Propagator((scaled.to_dense(torch.float64) if dense else scaled,))
    actual = encode_view(propagator, x, 3, feed)  # type: ignore[arg-type]
    torch.testing.assert_close(actual, dense_reference(pattern, x, 3, feed == "unit"))
    rows = torch.tensor([11, 3, 0])
    torch.testing.assert_close(encode_view(propagator, x, 3, feed, rows), actual[rows])  # type: ignore[arg-type]
    nothing = encode_view(propagator, x, 3, feed, rows[:0])  # type: ignore[arg-type]
    assert nothing.shape == (0, 3)


@pytest.mark.parametrize("feed", ["raw", "unit"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("rows", [None, [1, 4, 7], [4, 4, 0]])
@pytest.mark.parametrize("dense", [False, True])
def test_gradients(feed: str, layers: int, rows: list[int] | None, dense: bool) -> None:
    pattern = random_view().transpose  # not symmetric
    scaled = pattern.with_weight(torch.ones(pattern.nnz, dtype=torch.float64)).normalized("sym")
    propagator = Propagator((scaled.to_dense(torch.float64) if dense else scaled,))
    chosen = None if rows is None else torch.tensor(rows)
    generator = torch.Generator().manual_seed(1)
    x, first = torch.randn(2, 12, 3, dtype=torch.float64, generator=generator).unbind()
    x.requires_grad_()
    first.requires_grad_()
    for known in (None, first):
        assert torch.autograd.gradcheck(
            lambda x, y, known=known: (
                encode_view(
                    propagator,
                    x,
                    layers,
                    feed,  # type: ignore[arg-type]
                    chosen,
                    None if known is None else y,
                )
                + 0 * y.sum()
            ),
            (x, first),
        )


def test_nodes_without_neighbours_keep_their_vector() -> None:
    x = torch.randn(12, 3, requires_grad=True)
    empty = CSR.from_coo(torch.zeros(0).long(), torch.zeros(0).long(), (12, 12))
    assert torch.equal(encode_view(make_propagator(empty), x, 2, "raw"), x)
    actual = encode_view(make_propagator(random_view()), x, 2, "unit")
    assert torch.equal(actual[10:], x[10:])  # no entry touches the last two
    assert bool(((actual - x).norm(dim=1) <= 2 + 1e-6).all())
    actual.sum().backward()
    assert bool(torch.isfinite(x.grad).all())


def test_well_filled_views_are_dense() -> None:
    assert isinstance(make_propagator(random_view(entries=60)).factors[0], torch.Tensor)
    assert isinstance(make_propagator(random_view(entries=8)).factors[0], CSR)
    full = random_view(entries=60)
    weighted = full.with_weight(torch.rand(full.nnz))
    actual, expected = make_propagator(weighted).factors[0], make_propagator(full).factors[0]
    assert torch.equal(actual, expected)  # values do not count


def test_views_with_equal_rows_are_multiplied_once_a_class() -> None:
    groups = torch.randint(3, (40,), generator=torch.Generator().manual_seed(0))
    pattern = CSR.from_dense((groups[:, None] == groups).float())
    propagator = make_propagator(pattern)
    assert len(propagator.factors) == 3
    assert propagator.cost < pattern.nnz / 2
    x = torch.randn(40, 3, requires_grad=True)
    rows = torch.tensor([39, 0, 7])
    for feed in ("raw", "unit"):
        actual = encode_view(propagator, x, 2, feed)  # type: ignore[arg-type]
        torch.testing.assert_close(actual, dense_reference(pattern, x, 2, feed == "unit"))
        torch.testing.assert_close(encode_view(propagator, x, 2, feed, rows), actual[rows])  # type: ignore[arg-type]
        actual.square().sum().backward()
        (wanted,) = torch.autograd.grad(
            dense_reference(pattern, x, 2, feed == "unit").square().sum(), x
        )
        torch.testing.assert_close(x.grad, wanted)
        x.grad = None
