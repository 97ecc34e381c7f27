"""LATTE: attention over meta relations of growing length, stacked order by order."""

from __future__ import annotations

from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.model import LATTE

__all__ = ["LATTE", "LATTEConfig"]
