"""Degree: the number of edges of a node."""

from __future__ import annotations

from hetgraph.models.degree.model import Degree, DegreeConfig

__all__ = ["Degree", "DegreeConfig"]
