"""MLP: the features of the target alone, the baseline every graph method should beat."""

from __future__ import annotations

from hetgraph.models.mlp.model import MLP, MLPConfig

__all__ = ["MLP", "MLPConfig"]
