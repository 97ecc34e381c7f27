"""What a trained model relied on: one table for every method, and pictures of it.

matplotlib is imported when a picture is drawn, never before.
"""

from __future__ import annotations

from hetgraph.explain.report import Explanation, explain

__all__ = ["Explanation", "explain"]
