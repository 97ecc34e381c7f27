"""What the outputs of a model mean to the user: classes by name, numbers as measured, scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from hetgraph.metrics import class_probabilities

__all__ = ["Outputs"]


@dataclass(frozen=True)
class Outputs:
    """How rows of outputs are read.

    Args:
        kind: ``"class"``: logits of one class per sample. ``"classes"``: logits of independent
            classes. ``"number"``: a number on the scale that was learned. ``"score"``: of a pair,
            comparable among the pairs of one source.
        class_names: Names of the classes; empty: the classes are the numbers 0, 1, ...
        threshold: Probability from which on one of several classes is named.
        shift: What is added to a number, after ``std``.
        std: What a number is multiplied with.
        log1p: Whether a number is ``log(1 + value)``.

    Example:
        >>> Outputs("number", shift=10.0, std=2.0).numbers(torch.tensor([[1.0], [-1.0]]))
        tensor([12.,  8.], dtype=torch.float64)
    """

    kind: Literal["class", "classes", "number", "score"]
    class_names: tuple[str, ...] = ()
    threshold: float = 0.5
    shift: float = 0.0
    std: float = 1.0
    log1p: bool = False

    def classes(self, count: int) -> list[str] | list[int] | list[bool]:
        """Returns the classes in the order of the outputs, as the type that their names stand for.

        Args:
            count: Number of classes, for those that have no names.

        Example:
            >>> Outputs("class", ("5", "10")).classes(2), Outputs("class").classes(2)
            ([5, 10], [0, 1])
        """
        names = self.class_names
        if not names:
            return [*range(count)]
        if all(name.lstrip("-").isdecimal() and str(int(name)) == name for name in names):
            return [int(name) for name in names]
        if set(names) <= {"False", "True"}:
            return [name == "True" for name in names]
        return list(names)

    def probabilities(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """Returns ``[n, num_classes]`` float64 probabilities of ``[n, num_classes]`` logits.

        Args:
            logits: Outputs of a model.
            temperature: What logits are divided by; fitted on validation, it makes probabilities
                as large as the fraction of right answers among such.
        """
        return class_probabilities(logits, temperature, multi_label=self.kind == "classes")

    def numbers(self, learned: Tensor) -> Tensor:
        """Returns ``[n]`` float64 numbers as they were measured, of ``[n, 1]`` outputs."""
        values = learned.double().reshape(-1) * self.std + self.shift
        return torch.expm1(values) if self.log1p else values

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Outputs:
        """Reads what :meth:`to_dict` returned."""
        return cls(**{**values, "class_names": tuple(values["class_names"])})
