"""What a training returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from hetgraph.tasks import Predictions

__all__ = ["FitResult"]


@dataclass(frozen=True, eq=False)
class FitResult:
    """Scores and costs of one training.

    Args:
        metrics: Metrics by split, of the best weights. With ``train.refit`` those of the test
            split are of the refitted weights, the others of the first training.
        predictions: What the model says of each split with the weights that it has now, float32
            on the CPU; empty in processes other than the main one. With ``train.refit`` of the
            test split only.
        epochs: Epochs trained, over all stages, of both trainings with ``train.refit``.
        best_epoch: Epoch of the last validated stage whose weights were kept.
        seconds: Wall-clock seconds of ``prepare``, ``fit`` (validation included) and
            ``evaluate`` (the final scores).
        peak_memory_bytes: High-water mark of the resident set.
        cuda_peak_memory_bytes: Most bytes of tensors on the device, 0 on the CPU.
        not_scored: Why a split has no metrics, by split: its score raised an error.
        refit_epochs: With ``train.refit``, the epochs of the second training by stage.
    """

    metrics: dict[str, dict[str, float]]
    predictions: dict[str, Predictions]
    epochs: int
    best_epoch: int | None
    seconds: dict[str, float]
    peak_memory_bytes: int
    cuda_peak_memory_bytes: int = 0
    refit_epochs: dict[str, int] | None = None
    not_scored: dict[str, str] = field(default_factory=dict)
