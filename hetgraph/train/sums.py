"""Running means of the loss terms of an epoch, and the watch for values that are not finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hetgraph.errors import UserError
from hetgraph.methods import Loss

if TYPE_CHECKING:
    from hetgraph.train.engine import Engine

__all__ = ["DivergenceError", "LossSums"]


class DivergenceError(UserError):
    """A loss that became NaN or infinite."""


class LossSums:
    """Sums of ``term * count`` over the batches of an epoch, kept on the device in float64."""

    def __init__(self) -> None:
        self.terms: dict[str, Tensor] = {}
        self.count = 0

    def add(self, loss: Loss) -> None:
        """Counts one batch; waits for no device. A batch without samples has no mean: it adds 0."""
        for name, term in loss.terms.items():
            value = term.detach().double()
            value = value * loss.count if loss.count else torch.zeros_like(value)
            self.terms[name] = self.terms[name] + value if name in self.terms else value
        self.count += loss.count

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
        terms, count = self.state(engine).values()
        means = {name: float(value) / max(count, 1) for name, value in terms.items()}
        total = sum(means.values())
        return {"loss": total, **(means if len(means) > 1 else {})}

    def state(self, engine: Engine) -> dict[str, Any]:
        """Returns the sums over all processes, ``{"terms": ..., "count": ...}``."""
        if engine.world == 1:
            return {"terms": dict(self.terms), "count": self.count}
        names = sorted(self.terms)
        counts = torch.tensor(float(self.count), dtype=torch.float64, device=engine.device)
        total = engine.sum(torch.stack([*(self.terms[name] for name in names), counts]))
        return {"terms": dict(zip(names, total, strict=False)), "count": int(total[-1])}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], engine: Engine) -> LossSums:
        """Continues from :meth:`state`, which the main process then holds for all."""
        sums = cls()
        share = 1 if engine.is_main else 0
        sums.terms = {name: t.to(engine.device) * share for name, t in state["terms"].items()}
        sums.count = state["count"] * share
        return sums
