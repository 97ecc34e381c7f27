"""A user's own functions: loss, metrics and callbacks of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from torch import Tensor

from hetgraph.errors import ConfigError
from hetgraph.tasks import Task
from hetgraph.train import Callback

__all__ = ["Functions", "LossFunction", "MetricFunction", "qualified_name"]

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From predictions (logits) and targets to a scalar, the mean over the samples."""

MetricFunction: TypeAlias = Callable[[Tensor, Tensor], float]
"""From the predictions of a split and its targets to a number."""


@dataclass(frozen=True)
class Functions:
    """What a run takes from Python beside names and settings.

    Args:
        loss: Takes the place of the task's loss.
        metrics: Further metrics by name; ``train.monitor`` may be one of them.
        callbacks: Called after each epoch.

    Raises:
        ConfigError: If one of them is not a function.
    """

    loss: LossFunction | None = None
    metrics: Mapping[str, MetricFunction] = field(default_factory=dict)
    callbacks: tuple[Callback, ...] = ()

    def __post_init__(self) -> None:
        given: dict[str, Any] = {} if self.loss is None else {"loss": self.loss}
        given |= {f"metrics[{name!r}]": metric for name, metric in self.metrics.items()}
        given |= {f"callbacks[{number}]": item for number, item in enumerate(self.callbacks)}
        if wrong := [f"{name} is {item!r}" for name, item in given.items() if not callable(item)]:
            raise ConfigError(f"{', '.join(wrong)}; expected functions.")

    @property
    def names(self) -> dict[str, Any]:
        """``module:qualname`` of each function, for records; empty if there is none."""
        names: dict[str, Any] = {}
        if self.loss is not None:
            names["loss"] = qualified_name(self.loss)
        if self.metrics:
            names["metrics"] = {key: qualified_name(item) for key, item in self.metrics.items()}
        if self.callbacks:
            names["callbacks"] = [qualified_name(callback) for callback in self.callbacks]
        return names

    def check(self, expected: Mapping[str, Any]) -> None:
        """Checks that these are the functions that a ``config.yaml`` names.

        Raises:
            ConfigError: If they are not.
        """
        if dict(expected) != self.names:
            raise ConfigError(
                f"the settings are of a run with the functions {dict(expected)}, but this run has "
                f"{self.names or 'none'}; give the same ones to hetgraph.run, or take the key "
                "'functions' out of the settings."
            )

    def apply(self, task: Task) -> Task:
        """Returns the task with the user's loss and metrics.

        Raises:
            ConfigError: If the task takes none, since it ranks candidates, or settings of its own
                loss are given beside another loss.
        """
        if self.loss is None and not self.metrics:
            return task
        if self.loss is not None and (chosen := task.loss_settings()):
            raise ConfigError(
                f"loss= takes the place of the task's loss, so {' and '.join(chosen)} would have "
                "no effect; leave one of them out."
            )
        return task.with_functions(loss=self.loss, metrics=self.metrics)


def qualified_name(function: Callable[..., Any]) -> str:
    """Returns ``module:qualname`` of a function, or of the class of another callable.

    Example:
        >>> from statistics import fmean
        >>> qualified_name(fmean)
        'statistics:fmean'
    """
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"
