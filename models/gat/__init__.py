"""Graph attention over all relations as one."""

from __future__ import annotations

from hetgraph.models.gat.model import GAT, GATConfig

__all__ = ["GAT", "GATConfig"]
