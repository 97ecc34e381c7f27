"""The version, for those below the front door ``hetgraph``."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
