"""RpHGNN: random-projection heterogeneous graph network (arXiv 2310.14481)."""

from __future__ import annotations

from hetgraph.models.rphgnn.config import RpHGNNConfig
from hetgraph.models.rphgnn.model import RpHGNN

__all__ = ["RpHGNN", "RpHGNNConfig"]
