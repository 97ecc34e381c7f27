"""The files of a search that people read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import yaml

from hetgraph.files import atomic_path
from hetgraph.runs.tuning.result import Tuning

__all__ = ["BEST", "TRIALS", "write_files"]

BEST = "best.yaml"
TRIALS = "trials.csv"


def write_files(folder: Path, tuning: Tuning, *, seed: int, by_name: bool) -> None:
    """Writes the best settings and the table of all trials.

    Args:
        folder: The folder of the search.
        tuning: What is known so far.
        seed: Seed of the trainings.
        by_name: Whether the data set can be loaded by its name.

    Raises:
        OutputError: If a file cannot be written.
    """
    with atomic_path(folder / BEST) as path:
        path.write_text(_best(folder, tuning, seed, by_name), encoding="utf-8")
    with atomic_path(folder / TRIALS) as path:
        pa_csv.write_csv(tuning.to_table(), path)


def _best(folder: Path, tuning: Tuning, seed: int, by_name: bool) -> str:
    best, value = tuning.best, tuning.shown(tuning.value)
    command = (
        f"hetgraph train {tuning.model} {tuning.dataset} --seed {seed} --config {folder / BEST}"
    )
    lines = [
        f"# Trial {best.number} of {len(tuning.trials)}: {tuning.monitor} {value:.4f} on the "
        "validation split; the test split was not read.",
        f"# Train with these settings: {command}"
        if by_name
        else "# Train with these settings from Python; the data set was not loaded by name.",
    ]
    content: dict[str, Any] = {"method": tuning.model}
    content |= {"dataset": tuning.dataset} if by_name else {}
    content |= {name: dict(values) for name, values in tuning.settings.items()}
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return "\n".join([*lines, body])
