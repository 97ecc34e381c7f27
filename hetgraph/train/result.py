"""What a training returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

__all__ = ["FitResult"]


@dataclass(frozen=True, eq=False)
class FitResult:
    """Scores and costs of one training.

    Args:
        metrics: Metrics by part, of the best weights.
        predictions: ``[num_nodes of the part, num_outputs]`` float32 logits by part, on the CPU;
            empty in processes other than the main one.
        epochs: Epochs trained, over all stages.
        best_epoch: Epoch of the last validated stage whose weights were kept.
        seconds: Wall-clock seconds of ``prepare``, ``fit`` (validation included) and
            ``evaluate`` (the final scores).
        peak_memory_bytes: High-water mark of the resident set.
        cuda_peak_memory_bytes: Most bytes of tensors on the device, 0 on the CPU.
        fingerprint: What the run was made from, by name.
    """

    metrics: dict[str, dict[str, float]]
    predictions: dict[str, Tensor]
    epochs: int
    best_epoch: int | None
    seconds: dict[str, float]
    peak_memory_bytes: int
    cuda_peak_memory_bytes: int = 0
    fingerprint: dict[str, Any] = field(default_factory=dict)
