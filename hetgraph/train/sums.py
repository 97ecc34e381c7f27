"""Sums of the loss terms of an epoch, and the watch for values that are not finite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hetgraph.errors import UserError
from hetgraph.methods import Loss

if TYPE_CHECKING:
    from hetgraph.train.engine import Engine

__all__ = ["DivergenceError", "LossSums"]


class DivergenceError(UserError):
    """A loss that became NaN or infinite."""


@dataclass(frozen=True, eq=False)
class LossSums:
    """Sums of ``term * count`` over the batches of an epoch so far.

    Args:
        terms: Scalars by name, float64, on the device.
        count: Number of samples.
    """

    terms: Mapping[str, Tensor] = field(default_factory=dict)
    count: int = 0

    def add(self, loss: Loss) -> LossSums:
        """Returns the sums with one more batch; waits for no device.

        A batch without samples has no mean: it adds 0.
        """
        terms = dict(self.terms)
        for name, term in loss.terms.items():
            value = term.detach().double()
            value = value * loss.count if loss.count else torch.zeros_like(value)
            terms[name] = terms[name] + value if name in terms else value
        return LossSums(terms, self.count + loss.count)

    def check(self, where: str) -> None:
        """Raises if a term was not finite in any batch so far: NaN and infinity stay in a sum.

        Args:
            where: Stage and epoch, for the message, such as ``"in stage 'fit', epoch 3"``.

        Raises:
            DivergenceError: Naming the term and the ways out.
        """
        for name, value in self.terms.items():
            if not bool(torch.isfinite(value)):
                kind = "NaN" if bool(torch.isnan(value)) else "infinite"
                raise DivergenceError(
                    f"the loss term {name!r} is {kind} {where}; "
                    "lower train.lr, set train.clip_norm, or check the features for huge values."
                )

    def means(self, engine: Engine) -> dict[str, float]:
        """Returns the mean of each term, and of their sum as ``"loss"``, over all processes."""
        total = self.over_processes(engine)
        means = {name: float(value) / max(total.count, 1) for name, value in total.terms.items()}
        return {"loss": sum(means.values()), **(means if len(means) > 1 else {})}

    def over_processes(self, engine: Engine) -> LossSums:
        """Returns the sums over all processes, the same in each."""
        if engine.world == 1:
            return self
        names = sorted(self.terms)
        counts = torch.tensor(float(self.count), dtype=torch.float64, device=engine.device)
        total = engine.sum(torch.stack([*(self.terms[name] for name in names), counts]))
        return LossSums(dict(zip(names, total, strict=False)), int(total[-1]))

    def of_process(self, engine: Engine) -> LossSums:
        """Returns what a process goes on from: the main one holds the sums of all.

        The others hold zeros, so that the next sum over processes is right again.
        """
        factor = 1 if engine.is_main else 0
        terms = {name: value.to(engine.device) * factor for name, value in self.terms.items()}
        return LossSums(terms, self.count * factor)
