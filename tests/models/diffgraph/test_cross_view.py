"""From auxiliary to target view: noise, loss, and the ways to leave the diffusion out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hetgraph.errors import ConfigError
from hetgraph.models.diffgraph import DiffGraphConfig
from hetgraph.models.diffgraph.cross_view import CrossView, make_schedule


def build(**settings: object) -> CrossView:
    torch.manual_seed(0)
    return CrossView(DiffGraphConfig(**{"hidden_dim": 16, **settings}))  # type: ignore[arg-type]


def test_the_error_is_weighted_by_the_step_of_a_row() -> None:
    view = build(denoiser_dropout=0.0, noise_scale=1e-4)
    target, source = torch.randn(500, 16), torch.randn(500, 16)
    torch.manual_seed(1)
    made, error = view(target, source)
    torch.manual_seed(1)
    step = torch.randint(200, (500,))
    noisy = view.schedule.add_noise(source, step, torch.randn_like(source))
    expected = view.denoise(noisy, step)
    assert torch.equal(made, expected)
    weight = view.schedule.elbo_weight[step].float()
    torch.testing.assert_close(error, weight * (target - expected).square().mean(1))
    assert int(step.min()) >= 0
    assert int(step.max()) < 200
    assert len(set(step.tolist())) > 150


def test_gradients_reach_both_views() -> None:
    target, source = (torch.randn(4, 16, requires_grad=True) for _ in range(2))
    _, error = build(denoiser_dropout=0.0)(target, source)
    error.sum().backward()
    assert bool((target.grad != 0).any())
    assert bool((source.grad != 0).any())


@pytest.mark.parametrize(
    ("scale", "length", "bound"), [(1e-4, 1, 3e-3), (1e-4, 3, 1e-3), (1e-5, 1, 3e-4)]
)
def test_the_authors_chain_is_one_call_of_the_denoiser(scale, length, bound) -> None:
    source = length * F.normalize(torch.randn(300, 16))
    one = build(noise_scale=scale).eval()
    full = build(noise_scale=scale, sampler="full").eval()
    quick, slow = one.generate(source), full.generate(source)
    assert torch.equal(slow, full.generate(source))
    ratio = (quick - slow).norm(dim=1) / slow.norm(dim=1)
    assert float(ratio.detach().max()) < bound


def test_a_real_schedule_needs_all_steps() -> None:
    source = torch.randn(50, 16)
    settings = {"schedule": "cosine", "weighting": "uniform", "num_steps": 20}
    one = build(**settings).eval().generate(source)
    full = build(**settings, sampler="full").eval().generate(source)
    assert not torch.allclose(one, full, rtol=0.05)


def test_the_ways_without_diffusion() -> None:
    target, source = torch.randn(6, 16), torch.randn(6, 16)
    made, error = build(fusion="sum")(target, source)
    assert torch.equal(made, F.leaky_relu(source, 0.5))
    assert not error.any()
    made, error = build(fusion="none")(target, source)
    assert not made.any()
    assert not error.any()
    coder = build(fusion="autoencoder").eval()
    made, error = coder(target, source)
    torch.testing.assert_close(error, (target - made).square().mean(1))


def test_a_schedule_by_name() -> None:
    assert make_schedule(DiffGraphConfig()).beta[0] == 1e-4
    cosine = DiffGraphConfig(schedule="cosine", weighting="uniform", num_steps=50)
    assert make_schedule(cosine).signal[-1] < 0.01


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"schedule": "cosine"}, "weighting"),
        ({"denoiser_dims": ()}, "denoiser_dims"),
        ({"denoiser_dropout": 1.0}, "denoiser_dropout"),
        ({"noise_scale": 0.0}, "noise_scale"),
        ({"num_steps": 0}, "num_steps"),
        ({"positives": 0}, "positives"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        DiffGraphConfig(**settings)  # type: ignore[arg-type]
