"""DiffGraph: latent diffusion from auxiliary views of a node to its target view."""

from __future__ import annotations

from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.model import DiffGraph

__all__ = ["DiffGraph", "DiffGraphConfig"]
