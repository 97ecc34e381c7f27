"""GPH²: frozen experts of single graphs, fused per class from a few labels."""

from __future__ import annotations

from hetgraph.models.gph2.config import ExpertConfig, GPH2Config
from hetgraph.models.gph2.model import GPH2

__all__ = ["GPH2", "ExpertConfig", "GPH2Config"]
