"""README's first command, on every promised version of Python that this machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NEWEST = 14
"""Of the minor versions that README says the constraints serve."""


def promised() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    supported = SpecifierSet(project["requires-python"])
    return [f"3.{minor}" for minor in range(NEWEST + 1) if supported.contains(f"3.{minor}")]


def interpreter(version: str) -> Path | None:
    """A Python of that version on the path or among pyenv's; one that does not start is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    if on_path := shutil.which(f"python{version}"):
        found.insert(0, Path(on_path))
    for python in found:
        command = [python, "-c", "import ensurepip, venv"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return python
    return None


def newest() -> str | None:
    return next((version for version in reversed(promised()) if interpreter(version)), None)


def test_the_documents_promise_the_same_versions() -> None:
    versions = promised()
    assert versions[0] == "3.11"
    assert f"Python {versions[0]} or later" in README
    span = f"{versions[0]} to {versions[-1]}"
    assert span in " ".join(README.split())
    assert span in (ROOT / "constraints.txt").read_text()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize(
    "version", [pytest.param(each, id=f"python{each}") for each in promised()] + ["newest"]
)
def test_the_first_command_of_the_readme(
    version: str, copy_of: Callable[[str], Path], tmp_path: Path
) -> None:
    """In a zip of the repository, so without links; ``newest`` is the one that .ci/run takes."""
    if version == "newest":
        version = newest() or "3"
    if (python := interpreter(version)) is None:
        pytest.skip(f"Python {version} is not installed on this machine")
    (command,) = re.findall(r"^python3 -m venv \.venv .* hetgraph train .*$", README, re.MULTILINE)
    programs = tmp_path / "bin"
    programs.mkdir()
    start = programs / "python3"  # a script, since a link would hide the version's own folder
    start.write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
    start.chmod(0o755)
    environment = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    environment |= {"PATH": f"{programs}{os.pathsep}{environment['PATH']}", "OMP_NUM_THREADS": "1"}
    tree = copy_of("zip")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    used = (tree / ".venv/pyvenv.cfg").read_text()
    shutil.rmtree(tree / ".venv")  # gigabytes
    if re.search(r"No matching distribution found for torch\b", done.stderr):
        pytest.skip(f"the package index has no torch for Python {version}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "micro_f1" in done.stdout
    assert re.search(rf"^version\S* = {re.escape(version)}\.", used, re.MULTILINE)
