"""SeHGNN: means along meta-paths once, before training, then attention over the meta-paths."""

from __future__ import annotations

from hetgraph.models.sehgnn.config import SeHGNNConfig
from hetgraph.models.sehgnn.model import SeHGNN

__all__ = ["SeHGNN", "SeHGNNConfig"]
