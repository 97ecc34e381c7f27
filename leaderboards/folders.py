"""Where records and tables are stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hetgraph.leaderboards.spec import FOLDER

__all__ = ["Folders", "find_folders"]


@dataclass(frozen=True)
class Folders:
    """``results`` is written and read; ``shipped`` is read if ``results`` has no record."""

    results: Path
    tables: Path
    shipped: Path | None = None


def find_folders(results: Path | None = None) -> Folders:
    """Folders of the records and tables.

    Args:
        results: Folder of the records that the caller asks for. None means the ``leaderboards``
            folder of a source checkout, else the one in the current folder; an installed package
            also ships records.

    Returns:
        The folders, which need not exist. ``tables`` is next to a folder called ``results``, and
        inside a folder of any other name.
    """
    if results is not None:
        beside = results.parent if results.name == "results" else results
        return Folders(results, beside / "tables")
    if _is_checkout(FOLDER):
        return Folders(FOLDER / "results", FOLDER / "tables")
    local = Path("leaderboards")
    return Folders(local / "results", local / "tables", FOLDER / "results")


def _is_checkout(folder: Path) -> bool:
    """Whether the benchmarks are in a source tree, not in an installed package."""
    root = folder.parent
    return (root / "pyproject.toml").is_file() and (root / "hetgraph").is_dir()
