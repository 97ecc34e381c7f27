"""Schedules and processes of a Gaussian diffusion."""

from __future__ import annotations

import pytest
import torch

from hetgraph.errors import ConfigError
from hetgraph.models.diffgraph.diffusion import NoiseSchedule


def nominal(num_steps: int = 200, scale: float = 1e-4) -> NoiseSchedule:
    """The schedule of DiffGraph's authors."""
    return NoiseSchedule.linear_variance(num_steps, scale, first=1e-4)


def test_the_authors_schedule_to_the_digit() -> None:
    made = nominal()
    assert made.beta[0].item() == 1e-4
    assert made.beta[1].item() == pytest.approx(4.52261e-10, rel=1e-5)
    noise = 1 - made.signal
    assert noise[0].item() == pytest.approx(1e-4, rel=1e-9)
    assert noise[199].item() == pytest.approx(1.0008999e-4, rel=1e-7)
    assert made.snr[0].item() == pytest.approx(9999.0, abs=1e-6)
    assert made.snr[199].item() == pytest.approx(9990.009, abs=1e-2)
    assert made.elbo_weight[[0, 1, 199]].tolist() == pytest.approx(
        [1, 0.0452214, 0.0451405], rel=1e-5
    )
    assert made.clean_weight[0].item() == pytest.approx(1)
    assert made.noisy_weight[0].item() == 0
    assert made.clean_weight[1].item() == pytest.approx(4.52237e-6, rel=1e-5)
    assert made.noisy_weight[1:].prod().item() == pytest.approx(0.99910085, rel=1e-7)


@pytest.mark.parametrize(
    ("num_steps", "scale", "mean"),
    [(200, 1e-4, 0.0499550), (150, 1e-4, 0.0666067), (200, 1e-5, 0.00949914)],
)
def test_the_noise_decides_the_weight_of_the_loss(num_steps, scale, mean) -> None:
    made = nominal(num_steps, scale)
    weight = made.elbo_weight
    assert weight.mean().item() == pytest.approx(mean, rel=1e-5)
    telescoped = (1 + made.snr[0] - made.snr[-1]) / num_steps
    assert weight.mean().item() == pytest.approx(telescoped.item(), abs=1e-9)
    assert bool((weight > 0).all())  # in float32 all but the first would be 0


@pytest.mark.parametrize(
    "made", [nominal(), NoiseSchedule.cosine(100), NoiseSchedule.linear_variance(7, 50.0)]
)
def test_the_mean_of_the_step_before_keeps_a_clean_vector(made) -> None:
    """With the exact clean estimate, the noiseless part of x_t becomes that of x_(t-1)."""
    signal = made.signal.sqrt()
    before = torch.cat([torch.ones(1, dtype=torch.float64), signal[:-1]])
    torch.testing.assert_close(made.clean_weight + made.noisy_weight * signal, before)


def test_the_cosine_goes_from_signal_to_noise() -> None:
    made = NoiseSchedule.cosine(100)
    assert made.signal[0] > 0.999
    assert made.signal[-1] < 1e-3
    assert bool((made.snr[1:] < made.snr[:-1]).all())


def test_noise_has_the_variance_of_its_step() -> None:
    torch.manual_seed(0)
    x = torch.randn(20_000, 8)
    for made, step in ((nominal(), 0), (nominal(), 150), (NoiseSchedule.cosine(50), 30)):
        steps = torch.full((len(x),), step)
        noisy = made.add_noise(x, steps, torch.randn_like(x))
        rest = noisy - made.signal[step].sqrt().float() * x
        assert rest.var().item() == pytest.approx(1 - made.signal[step].item(), rel=0.02)


def test_gradients_reach_the_clean_vectors() -> None:
    made = NoiseSchedule.cosine(10)
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    step, noise = torch.tensor([0, 4, 9]), torch.randn(3, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: made.add_noise(x, step, noise), (x,))


def test_a_perfect_denoiser_is_followed_to_the_end() -> None:
    clean = torch.randn(5, 3, dtype=torch.float64)
    made = NoiseSchedule.cosine(20)
    actual = made.remove_noise(torch.randn(5, 3, dtype=torch.float64), lambda x, step: clean)
    torch.testing.assert_close(actual, clean)


def test_one_step_is_one_call() -> None:
    made = nominal(1)
    x = torch.randn(4, 2)
    assert torch.equal(made.remove_noise(x, lambda x, step: 2 * x + step[:, None]), 2 * x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: NoiseSchedule.cosine(0),
        lambda: NoiseSchedule.linear_variance(0),
        lambda: NoiseSchedule(torch.tensor([0.1])),
        lambda: NoiseSchedule(torch.tensor([0.0, 0.1], dtype=torch.float64)),
        lambda: NoiseSchedule(torch.tensor([1.0], dtype=torch.float64)),
        lambda: NoiseSchedule(torch.zeros(0, dtype=torch.float64)),
    ],
)
def test_impossible_schedules_are_refused(make) -> None:
    with pytest.raises(ConfigError):
        make()
