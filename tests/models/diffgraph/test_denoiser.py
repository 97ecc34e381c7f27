"""The denoiser and the autoencoder: oracles of the specification."""

from __future__ import annotations

import pytest
import torch

from hetgraph.models.diffgraph.denoiser import Autoencoder, Denoiser, time_code


def test_the_code_of_a_step() -> None:
    actual = time_code(torch.tensor([0, 3]), 8)
    three = [-0.989992, 0.955336, 0.999550, 0.999996, 0.141120, 0.295520, 0.029996, 0.003000]
    expected = torch.tensor([[1.0, 1, 1, 1, 0, 0, 0, 0], three])
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)
    odd = time_code(torch.tensor([3]), 5)
    assert odd.shape == (1, 5)
    assert odd[0, 4] == 0


def test_parameters_to_the_digit() -> None:
    assert sum(p.numel() for p in Denoiser(64, [64]).parameters()) == 8904
    assert sum(p.numel() for p in Autoencoder(64, [64]).parameters()) == 2 * (64 * 64 + 64)


def test_several_hidden_widths_go_down_and_up() -> None:
    shapes = [tuple(p.shape) for p in Denoiser(10, [6, 4], 8).layers.parameters() if p.dim() == 2]
    assert shapes == [(4, 18), (6, 4), (4, 6), (10, 4)]


def test_only_the_direction_of_a_vector_counts() -> None:
    net = Denoiser(5, [7]).eval()
    x, step = torch.randn(4, 5), torch.tensor([0, 1, 2, 3])
    torch.testing.assert_close(net(3 * x, step), net(x, step))
    assert bool(torch.isfinite(net(torch.zeros(1, 5), step[:1])).all())
    assert not torch.allclose(net(x, step), net(x, step + 50))


def test_rows_are_on_their_own() -> None:
    net = Denoiser(5, [7]).eval()
    x, step = torch.randn(9, 5), torch.arange(9)
    rows = torch.tensor([7, 2])
    torch.testing.assert_close(net(x[rows], step[rows]), net(x, step)[rows])


def test_the_output_is_not_squashed() -> None:
    net = Denoiser(5, [7]).eval()
    with torch.no_grad():
        net.layers[-1].bias.fill_(9.0)
    assert net(torch.randn(2, 5), torch.zeros(2).long()).mean() > 5


def test_dropout_is_for_training() -> None:
    net = Denoiser(400, [8], dropout=0.5)
    x, step = torch.randn(200, 400), torch.zeros(200).long()
    assert not torch.equal(net(x, step), net(x, step))
    net.eval()
    assert torch.equal(net(x, step), net(x, step))


def test_the_mask_of_the_autoencoder() -> None:
    """Values are masked in use, too, the same ones at every call, and not scaled up."""
    net = Autoencoder(50, [4], kept=0.8)
    x = torch.randn(300, 50)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))
    seen: list[torch.Tensor] = []
    net.layers.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net(x)
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    unit = torch.nn.functional.normalize(x)
    kept = seen[0] != 0
    assert torch.equal(seen[0][kept], unit[kept])
