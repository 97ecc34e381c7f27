"""The exponential moving average of a model's weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Averages of the trained parameters and of the buffers, over optimiser steps.

    After step ``n`` an average ``a`` of a weight ``w`` becomes ``d a + (1 - d) w`` with
    ``d = min(decay, (1 + n) / (10 + n))``: early on less is remembered, so that a short training
    is not an average with its first weights. Buffers of floating-point numbers, such as the
    statistics of batch normalisation, are averaged, too; others are copied. Frozen parameters
    have no average.

    Args:
        model: The model; its weights are the first average.
        decay: Fraction of the average that a step keeps at most, above 0 and below 1.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.zeros_(model.weight)
        >>> average = WeightAverage(model, decay=0.5)
        >>> _ = nn.init.ones_(model.weight)
        >>> average.update(model)
        >>> with average.applied(model):
        ...     inside = round(model.weight.item(), 4)
        >>> inside, model.weight.item()
        (0.8182, 1.0)
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self._trained = {name for name, value in model.named_parameters() if value.requires_grad}
        frozen = {name for name, _ in model.named_parameters()} - self._trained
        state = model.state_dict()
        self.values = {k: v.detach().clone() for k, v in state.items() if k not in frozen}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes in the weights after an optimiser step."""
        self.steps += 1
        fresh = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        state = model.state_dict()
        trained = [name for name in self.values if name in self._trained]
        torch._foreach_lerp_(
            [self.values[name] for name in trained], [state[name] for name in trained], fresh
        )
        for name, average in self.values.items():
            if name not in self._trained:
                _update_buffer(average, state[name], fresh)

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Gives the model the averages for the block; the weights are put back afterwards."""
        state = model.state_dict()
        before = {name: state[name].detach().clone() for name in self.values}
        self.put_into(model)
        try:
            yield
        finally:
            _copy(before, model)

    def put_into(self, model: nn.Module) -> None:
        """Gives the model the averages for good."""
        _copy(self.values, model)

    def restore(self, values: Mapping[str, Tensor], steps: int) -> None:
        """Goes on from :attr:`values` and :attr:`steps` of an earlier average."""
        self.steps = steps
        for name, value in values.items():
            self.values[name].copy_(value)


@torch.no_grad()
def _copy(values: Mapping[str, Tensor], model: nn.Module) -> None:
    state = model.state_dict()
    for name, value in values.items():
        state[name].copy_(value)


def _update_buffer(average: Tensor, value: Tensor, fresh: float) -> None:
    if not value.is_floating_point():
        average.copy_(value)
        return
    # Equal entries stay: between two infinities lerp would give NaN.
    average.copy_(torch.where(average == value, average, average.lerp(value, fresh)))
