"""Prototypes: the class whose mean is nearest."""

from __future__ import annotations

from hetgraph.models.prototype.model import Prototype, PrototypeConfig

__all__ = ["Prototype", "PrototypeConfig"]
