"""One wheel for each form of the source, and environments to install it in."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
_LEFT_OUT = {".git", "build", "dist", "runs"}
_CACHES = ("__pycache__", ".venv*", ".*_cache", ".hypothesis", "*.egg-info")

Make = Callable[[Path], object]
Once = Callable[[str, Make], Path]


def _execute(*command: object, cwd: Path) -> str:
    # The checkout that is tested must not be found where its copy is meant.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _build(source: Path, kind: str, out: Path) -> Path:
    flags = ("--no-isolation", "--skip-dependency-check", f"--{kind}", "--outdir", out)
    _execute(sys.executable, "-m", "build", *flags, source, cwd=out)
    return _built(out, kind)


def _built(out: Path, kind: str) -> Path:
    (made,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


def _ignored(folder: str, names: list[str]) -> set[str]:
    left_out = set(shutil.ignore_patterns(*_CACHES)(folder, names))
    return left_out | (_LEFT_OUT if Path(folder) == ROOT else set())


def _copy_tree(source: Path, target: Path) -> Path:
    return shutil.copytree(source, target, symlinks=True, ignore=_ignored)


def _copy(target: Path) -> None:
    """The checkout with its links, so that building leaves no trace in the real one."""
    _copy_tree(ROOT, target)
    for folder in ("models", "datasets", "leaderboards", "benchmarks"):
        link = target / "hetgraph" / folder  # the tests may run where there are none
        if not link.is_symlink():
            link.unlink(missing_ok=True)
            link.symlink_to(Path("..", folder))


def _zip(source: Path, archive: Path) -> None:
    """A zip as GitHub makes one: a link is an entry whose text is the link's target."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for folder, folders, names in os.walk(source):
            for path in (Path(folder, name) for name in (*folders, *names)):
                name = str(path.relative_to(source))
                if path.is_symlink():
                    entry = zipfile.ZipInfo(name)
                    entry.create_system = 3  # Unix
                    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                    file.writestr(entry, str(path.readlink()))
                elif path.is_file():
                    file.write(path, name)


@pytest.fixture(scope="session")
def execute() -> Callable[..., str]:
    """Runs a command in a folder and returns its stdout; fails with all its output."""
    return _execute


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a folder by name, once for all processes of ``pytest -n``."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Make) -> Path:
        folder, done = base / name, base / f"{name}.done"
        with FileLock(base / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def sdist(once: Once) -> Path:
    """The source archive, made from a checkout."""

    def fill(folder: Path) -> None:
        folder.mkdir()
        _copy(folder / "source")
        _build(folder / "source", "sdist", folder)

    return _built(once("sdist", fill), "sdist")


@pytest.fixture(scope="session")
def source(once: Once, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """A source tree in one of its forms, to be left as it is: many tests share it.

    - ``checkout``: from git, links as links;
    - ``zip``: unpacked by Python's zipfile, links have become text files;
    - ``no-links``: without the links;
    - ``copies``: folders in place of the links, some of them out of date;
    - ``sdist``: the unpacked source archive.
    """

    def fill(form: str, folder: Path) -> None:
        if form == "sdist":
            with tarfile.open(request.getfixturevalue("sdist")) as archive:
                safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not 3.11.2
                archive.extractall(folder.with_suffix(".unpacked"), **safe)
            next(folder.with_suffix(".unpacked").iterdir()).rename(folder)
            return
        _copy(folder)
        if form == "zip":
            archive = folder.with_suffix(".zip")
            _zip(folder, archive)
            shutil.rmtree(folder)
            with zipfile.ZipFile(archive) as file:
                file.extractall(folder)
        elif form != "checkout":
            for name in ("models", "datasets", "leaderboards", "benchmarks"):
                (folder / "hetgraph" / name).unlink()
                if form == "copies":
                    shutil.copytree(folder / name, folder / "hetgraph" / name)
                    (folder / "hetgraph" / name / "deleted_since").mkdir()
                    (folder / "hetgraph" / name / "deleted_since/__init__.py").write_text("")

    return lambda form: once(f"source-{form}", lambda folder: fill(form, folder))


@pytest.fixture(scope="session")
def wheel_of(once: Once, source: Callable[[str], Path]) -> Callable[[str], Path]:
    """The wheel built from a form of the source with the installed setuptools, no network."""

    def fill(form: str, folder: Path) -> None:
        folder.mkdir()
        _build(_copy_tree(source(form), folder / "source"), "wheel", folder)

    return lambda form: _built(once(f"wheel-{form}", lambda out: fill(form, out)), "wheel")


@pytest.fixture
def copy_of(source: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A source tree in one of its forms, for one test alone."""
    return lambda form: _copy_tree(source(form), tmp_path / "source")


@pytest.fixture(scope="session")
def build() -> Callable[[Path, str, Path], Path]:
    """Builds a `wheel` or `sdist` in a source tree: no network, no isolation."""
    return _build


@pytest.fixture(scope="session")
def checkout(source: Callable[[str], Path]) -> Path:
    """A copy of the checkout, to be left as it is."""
    return source("checkout")


@pytest.fixture(scope="session")
def wheel(wheel_of: Callable[[str], Path]) -> Path:
    """The wheel built from a checkout."""
    return wheel_of("checkout")


def _environment(folder: Path, *install: object) -> Path:
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    scheme = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (site / "datasets").mkdir()
    (site / "datasets/__init__.py").write_text("HUGGING_FACE = True\n")
    if install:
        pip = (sys.executable, "-m", "pip", "--python", python, "install")
        _execute(*pip, "--quiet", "--no-index", "--no-deps", *install, cwd=folder)
    return python


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., Path]:
    """Makes a virtual environment with a `datasets` package, pip-installs into it, returns python.

    The dependencies are the ones of the running environment, put at the end of the new one's
    path by a .pth file, so that nothing is downloaded.
    """
    return lambda *install: _environment(tmp_path / "environment", *install)


@pytest.fixture(scope="session")
def installed(once: Once, wheel: Path) -> Path:
    """The Python of an environment that the wheel is installed in."""
    folder = once("installed", lambda folder: _environment(folder, wheel))
    return folder / "bin/python"
