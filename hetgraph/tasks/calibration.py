"""How well the probabilities of a trained method can be believed, and the temperature for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import Tensor

from hetgraph.metrics.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    Reliability,
    all_right,
    brier_score,
    class_probabilities,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)

__all__ = ["Calibration", "calibrate"]

_FEW = 50
"""With fewer validation predictions a temperature is told to be rough."""


@dataclass(frozen=True)
class Calibration:
    """What a record says of the probabilities of a run.

    Args:
        temperature: What logits are divided by before they become probabilities.
        fitted_on: Validation predictions that the temperature was fitted on; 0 if it was not.
        multi_label: Whether each label has a sigmoid of its own, rather than all a softmax.
        before: ``ece``, ``nll`` and ``brier`` by split, of the logits as they are.
        after: The same of the logits divided by the temperature.
        split: The split that the reliability is of; empty if there is none.
        reliability: ``"before"`` and ``"after"``: confidence and accuracy in bins.
        notes: Sentences about what was not fitted or not measured, and why.
    """

    temperature: float
    fitted_on: int
    multi_label: bool
    before: Mapping[str, Mapping[str, float]]
    after: Mapping[str, Mapping[str, float]]
    split: str
    reliability: Mapping[str, Reliability]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        bins = {when: made.to_dict() for when, made in self.reliability.items()}
        return {**asdict(self), "reliability": bins, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Reads what :meth:`to_dict` returned, or a record holds."""
        known = {field.name: values[field.name] for field in fields(cls)}
        bins = {when: Reliability.from_dict(made) for when, made in known["reliability"].items()}
        return cls(**{**known, "reliability": bins, "notes": tuple(known["notes"])})


def calibrate(logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Calibration | None:
    """Fits the temperature on validation and measures validation and test with it.

    Splits whose logits are not all finite are left out, and a note says so: a run that is trained
    must not fail here.

    Args:
        logits: ``[n, num_classes]`` by split.
        targets: ``[n]`` classes, or ``[n, num_classes]`` 0/1, by split.

    Returns:
        The calibration; ``None`` if there is neither validation nor test.

    Example:
        >>> import torch
        >>> sure = torch.tensor([[3.0, 0.0]]).repeat(60, 1)
        >>> made = calibrate({"valid": sure}, {"valid": torch.arange(60) % 4 // 3})
        >>> round(made.temperature, 2), round(made.before["valid"]["ece"], 2), made.notes
        (2.73, 0.2, ())
    """
    given = [split for split in ("valid", "test") if split in logits and len(logits[split])]
    if not given:
        return None
    splits = [split for split in given if bool(logits[split].isfinite().all())]
    notes = [f"{split}: some logits are not finite." for split in given if split not in splits]
    temperature, fitted_on = 1.0, 0
    if "valid" in splits:
        temperature, reason = _temperature(logits["valid"], targets["valid"])
        fitted_on = 0 if reason else len(logits["valid"])
        notes += [reason] if reason else _doubts(temperature, fitted_on)
    else:
        notes.append("temperature 1: there are no validation predictions to fit it on.")
    measured = {split: _measured(logits[split], targets[split], temperature) for split in splits}
    last = splits[-1] if splits else ""
    return Calibration(
        temperature,
        fitted_on,
        targets[given[0]].dim() == 2,
        {split: before for split, (before, _, _) in measured.items()},
        {split: after for split, (_, after, _) in measured.items()},
        last,
        measured[last][2] if last else {},
        tuple(notes),
    )


def _temperature(logits: Tensor, target: Tensor) -> tuple[float, str]:
    """Returns the temperature, and why it is 1 where it cannot be fitted."""
    if target.dim() == 1 and logits.shape[1] == 1:
        return 1.0, "temperature 1: there is one class."
    if all_right(logits, target):
        return 1.0, "temperature 1: all validation predictions are right, so none is the best one."
    return fit_temperature(logits, target), ""


def _doubts(temperature: float, fitted_on: int) -> list[str]:
    """Returns sentences about a temperature that should not be trusted much."""
    doubts = []
    if fitted_on < _FEW:
        doubts.append(f"the temperature is rough: it is of {fitted_on} validation predictions.")
    if temperature in (MIN_TEMPERATURE, MAX_TEMPERATURE):
        doubts.append(f"the temperature is at its bound, {temperature:g}.")
    return doubts


def _measured(
    logits: Tensor, target: Tensor, temperature: float
) -> tuple[dict[str, float], dict[str, float], dict[str, Reliability]]:
    """Returns the scores of a split before and after, and its reliability."""
    scores, bins = {}, {}
    for when, divisor in (("before", 1.0), ("after", temperature)):
        probabilities = class_probabilities(logits, divisor, multi_label=target.dim() == 2)
        bins[when] = reliability(probabilities, target)
        scores[when] = {
            "ece": bins[when].error,
            "nll": negative_log_likelihood(logits, target, divisor),
            "brier": brier_score(probabilities, target),
        }
    return scores["before"], scores["after"], bins
