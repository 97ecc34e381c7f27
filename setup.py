"""Tells setuptools where the packages lie; everything else is in pyproject.toml.

The folders of ``FOLDERS`` lie at the root and are packages of hetgraph: ``models`` becomes
``hetgraph.models``. The links ``hetgraph/models`` and so on serve editors and mypy. They are never
read here, so a source tree whose links are missing, or became text files, gives the same wheel.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("models", "datasets", "leaderboards", "benchmarks")
LEFT_OUT = {
    *(f"hetgraph.{folder}" for folder in FOLDERS),  # the links, or what became of them
    "hetgraph.leaderboards.tables",  # `hetgraph leaderboard show` renders them
}
ROOT = Path(__file__).parent


def packages(name: str, folder: Path) -> Iterator[str]:
    """A package and the packages in it; a folder of data is one as well.

    Raises:
        SystemExit: If the folder is missing or its name would keep it out of the wheel.
    """
    if not folder.is_dir():
        raise SystemExit(f"{folder} is missing: this source tree is not complete.")
    yield name
    for child in sorted(folder.iterdir()):
        if not child.is_dir() or child.name.startswith((".", "__pycache__")):
            continue
        if f"{name}.{child.name}" in LEFT_OUT:
            continue
        if not child.name.isidentifier():
            raise SystemExit(f"{child}: the name of a folder in a package must be an identifier.")
        yield from packages(f"{name}.{child.name}", child)


class BuildPy(build_py):  # type: ignore[misc]  # setuptools has no types
    """Builds from nothing each time, and compresses the records of the leaderboards."""

    def run(self) -> None:
        """Copies the packages into the build folder."""
        if self.editable_mode:
            super().run()
            return
        # A file that was deleted since the last build must not come back.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        for records in Path(self.build_lib, "hetgraph/leaderboards/results").glob("*.jsonl"):
            # Without the time, so that equal sources give equal wheels.
            packed = gzip.compress(records.read_bytes(), mtime=0)
            records.with_name(f"{records.name}.gz").write_bytes(packed)
            records.unlink()


SOURCES = {"hetgraph": "hetgraph", **{f"hetgraph.{folder}": folder for folder in FOLDERS}}

setup(
    packages=[name for top, folder in SOURCES.items() for name in packages(top, ROOT / folder)],
    package_dir=SOURCES,
    cmdclass={"build_py": BuildPy},
)
