"""The record of a run: what ``result.json`` holds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any

from hetgraph.errors import FileFormatError
from hetgraph.files import atomic_path
from hetgraph.html import card, facts, table
from hetgraph.renamed import current_settings

__all__ = ["Record"]

_MOST_METRICS = 4
"""Metrics that a line of text names."""


@dataclass(frozen=True)
class Record:
    """One finished run.

    Args:
        model: Name of the method.
        dataset: ``"collection/name"`` or ``"format:path"``.
        config: The effective settings by section.
        seed: The seed of the run; ``config["seeds"]`` has the four it stands for.
        data_sha256: Digest of graph, labels and fixed splits.
        environment: Machine and versions.
        metrics: Metrics by split; fractions, apart from losses and errors.
        seconds: Wall-clock seconds of ``load``, ``prepare``, ``fit`` and ``evaluate``.
        peak_memory_bytes: High-water mark of the resident set over the whole run.
        parameters: Trainable parameters.
        epochs: Epochs trained.
        extra: Further facts, written beside the others.
        out: Folder of the run; not part of the record's file.
    """

    model: str
    dataset: str
    config: Mapping[str, Any]
    seed: int
    data_sha256: str
    environment: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, float]
    peak_memory_bytes: int
    parameters: int
    epochs: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        scored = self.metrics.get("test") or self.metrics.get("valid") or {}
        numbers = (f"{k} {value:.4f}" for k, value in scored.items() if value is not None)
        shown = ", ".join(islice(numbers, _MOST_METRICS))
        return f"Record({self.model} on {self.dataset}, seed {self.seed}: {shown})"

    def _repr_html_(self) -> str:
        """Returns metrics by split, and what the run cost, for notebooks."""
        names = dict.fromkeys(name for values in self.metrics.values() for name in values)
        rows = [
            (name, *(_number(values.get(name)) for values in self.metrics.values()))
            for name in names
        ]
        costs = {
            "epochs": f"{self.epochs:,}",
            "seconds": f"{sum(self.seconds.values()):.1f}",
            "parameters": f"{self.parameters:,}",
            "folder": self.out,
        }
        title = f"{self.model} on {self.dataset}, seed {self.seed}"
        splits = [*self.metrics]
        scores = table(["metric", *splits], rows, right=splits)
        return card(title, scores, facts(costs))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON; numbers that are not finite become ``None``."""
        own = [entry.name for entry in fields(self) if entry.name not in ("extra", "out")]
        values = {name: _finite(getattr(self, name)) for name in own}
        return {**values, **{k: _finite(v) for k, v in self.extra.items() if k not in values}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], out: Path | None = None) -> Record:
        """Reads what :meth:`to_dict` returned; settings that were renamed get today's names."""
        own = {entry.name for entry in fields(cls)} - {"extra", "out"}
        extra = {key: value for key, value in values.items() if key not in own}
        known = {name: values[name] for name in own}
        known["config"] = current_settings(known["config"], known["model"])
        return cls(**known, extra=extra, out=out)

    def save(self, path: Path) -> None:
        """Writes the record as JSON, atomically.

        Raises:
            OutputError: If the file cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False)
        with atomic_path(path) as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Record:
        """Reads a record.

        Raises:
            FileFormatError: If the file is missing or holds no record.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls.from_dict(values, out=path.parent)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileFormatError(f"{path} holds no record ({error}); run it again.") from error


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
