"""Constant: the same number for every node, the baseline of every error."""

from __future__ import annotations

from hetgraph.models.constant.model import Constant, ConstantConfig

__all__ = ["Constant", "ConstantConfig"]
