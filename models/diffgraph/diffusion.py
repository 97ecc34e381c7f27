"""Gaussian diffusion of vectors: the noise of each step, and the reverse process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from hetgraph.errors import ConfigError

__all__ = ["NoiseSchedule"]

_MAX_BETA = 0.999
"""Maximum variance of one step; at 1 no signal would be left, and it is a divisor."""


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The variances ``beta`` of a diffusion and the quantities derived from them, in float64.

    ``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise`` with ``abar_t = prod (1 - beta)`` up to t.
    Steps are counted from 0. Differences of signal-to-noise ratios are far below the resolution
    of float32 (1e-10 of the ratios), so values are cast only when they multiply a vector.

    Args:
        beta: ``[num_steps]`` float64, each above 0 and below 1.

    Raises:
        ConfigError: If there is no step, or a variance is out of its range.

    Example:
        >>> schedule = NoiseSchedule.linear_variance(3, low=0.1, high=0.3)
        >>> [round(value, 3) for value in schedule.signal.tolist()]
        [0.9, 0.8, 0.7]

    Source: Ho, Jain, Abbeel, Denoising diffusion probabilistic models, NeurIPS 2020, eq. 2-7.
    """

    beta: Tensor

    def __post_init__(self) -> None:
        if self.beta.dim() != 1 or not self.beta.numel() or self.beta.dtype != torch.float64:
            raise ConfigError("beta must be a float64 vector of at least one step.")
        low, high = float(self.beta.min()), float(self.beta.max())
        if not (low > 0 and high < 1):
            raise ConfigError(f"variances lie in [{low:.3g}, {high:.3g}], expected in (0, 1).")

    # ---------------------------------------------------------------- construction

    @classmethod
    def linear_variance(
        cls,
        num_steps: int,
        scale: float = 1.0,
        *,
        low: float = 1e-4,
        high: float = 1e-3,
        first: float | None = None,
    ) -> NoiseSchedule:
        """The total variance ``1 - abar`` grows linearly from ``scale * low`` to ``scale * high``.

        Args:
            num_steps: Number of steps.
            scale: Factor on both ends.
            low: Total variance after the first step, before scaling.
            high: Total variance after the last step, before scaling.
            first: Replaces the variance of the first step; all totals change with it.
        """
        _check_steps(num_steps)
        signal = 1 - torch.linspace(scale * low, scale * high, num_steps, dtype=torch.float64)
        before = torch.cat([signal.new_ones(1), signal[:-1]])
        beta = (1 - signal / before).clamp_(max=_MAX_BETA)
        if first is not None:
            beta[0] = first
        return cls(beta)

    @classmethod
    def cosine(cls, num_steps: int, offset: float = 0.008) -> NoiseSchedule:
        """The signal decreases as a squared cosine, from almost 1 to almost 0.

        Source: Nichol, Dhariwal, Improved denoising diffusion probabilistic models, 2021, eq. 17.
        """
        _check_steps(num_steps)
        at = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
        signal = torch.cos((at + offset) / (1 + offset) * torch.pi / 2) ** 2
        return cls((1 - signal[1:] / signal[:-1]).clamp_(1e-8, _MAX_BETA))

    # ------------------------------------------------------------------ properties

    @property
    def num_steps(self) -> int:
        """Number of steps."""
        return self.beta.numel()

    @cached_property
    def signal(self) -> Tensor:
        """``[num_steps]`` remaining fraction of the signal's variance, ``abar``."""
        return (1 - self.beta).cumprod(0)

    @cached_property
    def _signal_before(self) -> Tensor:
        return torch.cat([self.signal.new_ones(1), self.signal[:-1]])

    @cached_property
    def snr(self) -> Tensor:
        """``[num_steps]`` signal-to-noise ratio ``abar / (1 - abar)``."""
        return self.signal / (1 - self.signal)

    @cached_property
    def elbo_weight(self) -> Tensor:
        """``[num_steps]`` weight of the squared error: ``snr[t - 1] - snr[t]``, and 1 at step 0.

        Its mean is ``(1 + snr[0] - snr[-1]) / num_steps``, so the noise level also determines the
        overall weight of the loss.
        """
        return torch.cat([self.snr.new_ones(1), self.snr[:-1] - self.snr[1:]])

    @cached_property
    def clean_weight(self) -> Tensor:
        """``[num_steps]`` weight of the clean estimate in the mean of the previous step, eq. 7."""
        return self.beta * self._signal_before.sqrt() / (1 - self.signal)

    @cached_property
    def noisy_weight(self) -> Tensor:
        """``[num_steps]`` weight of the noisy vector in the mean of the previous step, eq. 7."""
        return (1 - self._signal_before) * (1 - self.beta).sqrt() / (1 - self.signal)

    # ------------------------------------------------------------------- processes

    def add_noise(self, x: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """Returns ``x`` with the noise of all steps up to ``step``; differentiable.

        Args:
            x: ``[num_rows, dim]`` clean vectors.
            step: ``[num_rows]`` int64.
            noise: ``[num_rows, dim]``, standard normal.
        """
        signal = self.signal[step.cpu()].unsqueeze(1)
        kept, added = (variance.sqrt().to(x) for variance in (signal, 1 - signal))
        return kept * x + added * noise

    def remove_noise(self, x: Tensor, denoise: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Returns the means of the reverse process from the last step to the first.

        O(num_steps) calls of ``denoise``; no noise is drawn, so the result is deterministic.

        Args:
            x: ``[num_rows, dim]`` vectors at the last step.
            denoise: Estimates clean vectors from noisy ones and their ``[num_rows]`` steps.
        """
        for step in reversed(range(self.num_steps)):
            steps = torch.full((x.shape[0],), step, dtype=torch.int64, device=x.device)
            clean = denoise(x, steps)
            x = float(self.clean_weight[step]) * clean + float(self.noisy_weight[step]) * x
        return x


def _check_steps(num_steps: int) -> None:
    if num_steps < 1:
        raise ConfigError(f"the number of steps is {num_steps}, expected at least 1.")
