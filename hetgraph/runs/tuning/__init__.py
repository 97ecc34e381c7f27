"""Searching settings by their validation score; the test split cannot be reached from here."""

from __future__ import annotations

from hetgraph.runs.tuning.budget import Budget
from hetgraph.runs.tuning.comparison import Comparison, compare
from hetgraph.runs.tuning.result import Trial, Tuning, value_text
from hetgraph.runs.tuning.search import tune
from hetgraph.runs.tuning.space import Dimension, SearchSpace

__all__ = [
    "Budget",
    "Comparison",
    "Dimension",
    "SearchSpace",
    "Trial",
    "Tuning",
    "compare",
    "tune",
    "value_text",
]
