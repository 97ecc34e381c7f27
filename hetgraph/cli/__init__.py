"""The `hetgraph` command: one module per sub-command; heavy packages are imported when needed."""

from __future__ import annotations

from hetgraph.cli.main import main

__all__ = ["main"]
