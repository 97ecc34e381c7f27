"""Runs: from names and settings to a trained model, a record and a folder that holds both."""

from __future__ import annotations

from hetgraph.runs.execute import DEFAULT_DATASET, run, settings_from
from hetgraph.runs.record import Record

__all__ = ["DEFAULT_DATASET", "Record", "run", "settings_from"]
