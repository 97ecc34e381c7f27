"""Attributes that each node or edge has of its own, as columns: the form of networkx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.io.attributes import numbers
from hetgraph.io.columns import times
from hetgraph.io.sources import as_source

__all__ = ["Owners"]


@dataclass(frozen=True)
class Owners:
    """The attributes of all nodes or edges of a type; an attribute that is ``None`` is not there.

    Args:
        where: What they are, for messages.
        attributes: The attributes of each.
        labels: What each is called, for messages.
    """

    where: str
    attributes: Sequence[Mapping[str, Any]]
    labels: Sequence[str]

    @cached_property
    def present(self) -> tuple[str, ...]:
        """The attributes that at least one has, in the order of their first appearance."""
        names = (
            name for owner in self.attributes for name, value in owner.items() if value is not None
        )
        return tuple(dict.fromkeys(names))

    def values(self, name: str) -> list[Any]:
        """Returns an attribute of each.

        Raises:
            DataError: If a node or edge lacks the attribute.
        """
        values = [owner.get(name) for owner in self.attributes]
        missing = [number for number, value in enumerate(values) if value is None]
        if missing:
            raise DataError(
                f"{self.where}: {len(missing)} of {len(values)} have no attribute {name!r} (or "
                f"None), first {self.labels[missing[0]]}; set it on all of them or on none of them."
            )
        return values

    def are_integers(self, name: str) -> bool:
        """Whether an attribute is a whole number of 64 bits everywhere."""
        return all(
            isinstance(value, (int, np.integer))
            and not isinstance(value, bool)
            and -(2**63) <= value < 2**63
            for value in self.values(name)
        )

    def numbers(self, name: str) -> Tensor:
        """Returns ``[n]`` float32 numbers."""
        rows = numbers(self.where, name, self.values(name), len(self.attributes))
        if rows.shape[1] != 1:
            raise DataError(f"{self.where}: attribute {name!r} must be a number.")
        return rows[:, 0].float()

    def times(self, name: str) -> Tensor:
        """Returns ``[n]`` times; dates as int64 in their unit."""
        try:
            column = pa.array(self.values(name))
        except (pa.ArrowException, OverflowError) as error:
            raise DataError(
                f"{self.where}: attribute {name!r} holds no times ({error}); give numbers or dates."
            ) from error
        return times(as_source(pa.table({name: column}), self.where), name)

    def texts(self, name: str) -> pa.Array:
        """Returns a column of texts."""
        values = self.values(name)
        wrong = [number for number, value in enumerate(values) if not isinstance(value, str)]
        if wrong:
            raise DataError(
                f"{self.where}: attribute {name!r} of {self.labels[wrong[0]]} is "
                f"{values[wrong[0]]!r}, expected a text."
            )
        return pa.array(values, pa.large_string())
