"""HAN: attention over meta-path neighbours, then over meta-paths."""

from __future__ import annotations

from hetgraph.models.han.config import HANConfig
from hetgraph.models.han.model import HAN

__all__ = ["HAN", "HANConfig"]
