"""GENI: importance scores passed on along typed edges."""

from __future__ import annotations

from hetgraph.models.geni.model import GENI, GENIConfig

__all__ = ["GENI", "GENIConfig"]
