"""What a trained model relied on: one table for every method, and figures.

matplotlib is imported only when a figure is drawn.
"""

from __future__ import annotations

from hetgraph.explain.report import Explanation, explain

__all__ = ["Explanation", "explain"]
