"""MLP: the features of the target alone, the floor every graph method must beat."""

from __future__ import annotations

from hetgraph.models.mlp.model import MLP, MLPConfig

__all__ = ["MLP", "MLPConfig"]
