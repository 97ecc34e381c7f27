"""What a method is: the contract that the trainer knows."""

from __future__ import annotations

from hetgraph.methods.method import Loss, Method, RelevanceRow, Stage

__all__ = ["Loss", "Method", "RelevanceRow", "Stage"]
