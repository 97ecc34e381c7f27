"""Where tables come from: a folder of files, or a database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from hetgraph.io.sources import Source

__all__ = ["Store"]


class Store(Protocol):
    """Tables by name, and what they mean.

    One loader reads every store, see :func:`hetgraph.io.loader.read_store`.
    """

    @property
    def label(self) -> str:
        """Name of the store in messages, such as its path."""

    @property
    def name(self) -> str:
        """Name of the graph, if the declaration gives none."""

    def names(self) -> list[str]:
        """Returns the names of all tables, as ``file`` of a declaration gives them."""

    def source(self, entry: Mapping[str, Any], label: str) -> Source:
        """Returns a declared table.

        Args:
            entry: The entry of the declaration; ``entry["file"]`` names the table.
            label: Name of the table in messages.

        Raises:
            FileFormatError: If there is no such table, or it cannot be read.
        """

    def declaration(self) -> dict[str, Any]:
        """Returns the checked declaration: the one that is written down, else a proposal.

        Raises:
            ConfigError: If the declaration is invalid.
            FileFormatError: If there is nothing to read.
        """

    def files(self) -> list[Path]:
        """Returns the files that are read; none if some are outside the store."""
