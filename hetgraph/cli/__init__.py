"""The `hetgraph` command: one module a sub-command, nothing heavy imported before it is needed."""

from __future__ import annotations

from hetgraph.cli.main import main

__all__ = ["main"]
