"""Runs: from names and settings to a trained model, a record and a folder that holds both."""

from __future__ import annotations

from hetgraph.runs.fit import DEFAULT_DATASET, fit, run, settings_from
from hetgraph.runs.fitted import Fitted, load
from hetgraph.runs.record import Record

__all__ = ["DEFAULT_DATASET", "Fitted", "Record", "fit", "load", "run", "settings_from"]
