"""One wheel, built from a copy of the checkout, and environments to install it in."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LEFT_OUT = (".*", "build", "dist", "runs", "*.egg-info", "__pycache__", "tests", "docs")


def _execute(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _build(source: Path, kind: str, out: Path) -> Path:
    flags = ("--no-isolation", "--skip-dependency-check", f"--{kind}", "--outdir", out)
    _execute(sys.executable, "-m", "build", *flags, source, cwd=out)
    (made,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="session")
def execute() -> Callable[..., str]:
    """Runs a command in a folder and returns its stdout; fails with all its output."""
    return _execute


@pytest.fixture(scope="session")
def build() -> Callable[[Path, str, Path], Path]:
    """Builds a `wheel` or `sdist` with the installed setuptools: no network, no isolation."""
    return _build


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, links as links, so that building leaves no trace in the real one."""
    target = tmp_path_factory.mktemp("checkout") / "hetgraph"
    return shutil.copytree(ROOT, target, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))


@pytest.fixture(scope="session")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(checkout, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., Path]:
    """Makes a virtual environment with a `datasets` package, pip-installs into it, returns python.

    The dependencies are the ones of the running environment, put at the end of the new one's
    path by a .pth file, so that nothing is downloaded.
    """

    def make(*install: object) -> Path:
        folder = tmp_path / "environment"
        venv.create(folder, with_pip=False, symlinks=True)
        python = folder / "bin/python"
        scheme = {"base": str(folder), "platbase": str(folder)}
        site = Path(sysconfig.get_path("purelib", "venv", scheme))
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (site / "datasets").mkdir()
        (site / "datasets/__init__.py").write_text("HUGGING_FACE = True\n")
        if install:
            pip = (sys.executable, "-m", "pip", "--python", python, "install")
            _execute(*pip, "--quiet", "--no-index", "--no-deps", *install, cwd=tmp_path)
        return python

    return make
