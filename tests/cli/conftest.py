"""Where the tests of commands run."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_folders(own_folders: Path) -> None:
    """Every test of commands runs in folders of its own."""
