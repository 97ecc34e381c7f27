"""The optional packages of a run, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from hetgraph.features.encoder import encoder_packages, make_encoder
from hetgraph.optional import Package, demand
from hetgraph.runs.plan import Plan

__all__ = ["check_packages", "needed_packages"]


def check_packages(plan: Plan, *, trains: bool = True) -> None:
    """Checks that what a run needs only later, such as a text encoder, is installed.

    Args:
        plan: The run.
        trains: Whether it is about to be trained; a finished one needs no loggers.

    Raises:
        ConfigError: If a package is missing, with the command that installs it, or there is no
            such text encoder.
    """
    if text := plan.data.get("text"):
        make_encoder(str(text))
    demand(needed_packages(plan, trains=trains))


def needed_packages(plan: Plan, *, trains: bool = True) -> Iterator[Package]:
    """Yields the optional packages of the method, the text encoder and the loggers.

    Example:
        >>> from hetgraph.registry import models
        >>> from hetgraph.runs.plan import make_plan
        >>> settings = {"train": {"tensorboard": True}}
        >>> plan = make_plan(models.get("rgcn"), "synthetic/academic", settings=settings)
        >>> [package.module for package in needed_packages(plan)]
        ['tensorboard']
    """
    yield from plan.model.packages(plan.config)
    if text := plan.data.get("text"):
        yield from encoder_packages(str(text))
    if trains and plan.train.tensorboard:
        yield Package("tensorboard", "hetgraph[tensorboard]")
