"""What the wheel and the source archive hold, whatever form of the source they are built from."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hetgraph._checkout import FOLDERS

MB = 10**6
TABLES = "hetgraph/leaderboards/tables/"  # rendered from the records when they are shown


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files(folder: Path) -> dict[str, Path]:
    """All files of a folder by their path in it; links are not followed."""
    return {
        str(Path(parent, name).relative_to(folder)): Path(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".") and not parent.endswith("__pycache__")
    }


def package_files(checkout: Path) -> dict[str, bytes]:
    """What a wheel has to hold, by its path there."""
    found = {f"hetgraph/{path}": file for path, file in files(checkout / "hetgraph").items()}
    for folder in FOLDERS:
        inside = files(checkout / folder)
        assert inside
        found |= {f"hetgraph/{folder}/{path}": file for path, file in inside.items()}
    found = {path: file for path, file in found.items() if not path.startswith(TABLES)}
    return {path: file.read_bytes() for path, file in found.items()}


def test_the_wheel_holds_every_file_as_it_is(checkout: Path, wheel: Path) -> None:
    unpacked = {
        name.removesuffix(".gz"): gzip.decompress(data) if name.endswith(".gz") else data
        for name, data in contents(wheel).items()
        if ".dist-info/" not in name
    }
    expected = package_files(checkout)
    assert sorted(unpacked) == sorted(expected)
    assert unpacked == expected


@pytest.mark.parametrize("form", ["zip", "no-links", "copies", "sdist"])
def test_every_form_of_the_source_gives_the_same_wheel(
    form: str, wheel: Path, source: Callable[[str], Path], wheel_of: Callable[[str], Path]
) -> None:
    links = [source(form) / "hetgraph" / folder for folder in FOLDERS]
    kind = {"zip": Path.is_file, "copies": Path.is_dir}.get(form, lambda path: not path.exists())
    assert all(kind(link) and not link.is_symlink() for link in links)
    before, other = contents(wheel), contents(wheel_of(form))
    assert sorted(other) == sorted(before)
    record = next(name for name in before if name.endswith("/RECORD"))
    assert sorted(other.pop(record).split()) == sorted(before.pop(record).split())
    assert other == before


def test_the_wheel_is_small_packed_and_unpacked(wheel: Path) -> None:
    assert wheel.stat().st_size <= 4 * MB
    assert sum(map(len, contents(wheel).values())) <= 5 * MB


def test_a_file_deleted_since_the_last_build_does_not_come_back(
    wheel: Path, copy_of: Callable[[str], Path], build: Callable[..., Path], tmp_path: Path
) -> None:
    tree = copy_of("checkout")
    stale = tree / "build/lib/hetgraph/models/deleted_since.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    # From when the links were followed: setuptools reads its own list again.
    (tree / "hetgraph.egg-info").mkdir()
    (tree / "hetgraph.egg-info/SOURCES.txt").write_text("hetgraph/models/rphgnn/__init__.py\n")
    assert contents(build(tree, "wheel", tmp_path)).keys() == contents(wheel).keys()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_missing_folder_stops_the_build(folder: str, copy_of: Callable[[str], Path]) -> None:
    tree = copy_of("no-links")
    shutil.rmtree(tree / folder)
    command = [sys.executable, "setup.py", "--name"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"{folder} is missing: this source tree is not complete." in done.stderr


def test_the_folders_are_listed_in_both_places(checkout: Path) -> None:
    text = (checkout / "setup.py").read_text()
    assert f"FOLDERS = {FOLDERS!r}".replace("'", '"') in text


def test_links_serve_editors_and_mypy(checkout: Path) -> None:
    for folder in FOLDERS:
        link = checkout / "hetgraph" / folder
        assert link.readlink() == Path("..", folder), "the link must be relative"
        assert link.resolve() == checkout / folder


def test_datasets_has_no_init_module(checkout: Path) -> None:
    # With one, `import datasets` in the checkout would not give Hugging Face's package.
    assert not (checkout / "datasets/__init__.py").exists()


def test_nothing_else_lands_in_site_packages(wheel: Path) -> None:
    top = {name.split("/")[0] for name in contents(wheel)}
    (metadata,) = (name for name in top if name.endswith(".dist-info"))
    assert top == {"hetgraph", metadata}


def test_the_source_archive_holds_all_tests_and_documents_and_no_links(
    checkout: Path, sdist: Path
) -> None:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert all(member.isfile() or member.isdir() for member in members)
    names = {member.name.split("/", 1)[-1] for member in members}
    assert not [name for name in names if name.endswith(".pyc")]
    for folder in ("tests", "docs", *FOLDERS):
        assert {f"{folder}/{path}" for path in files(checkout / folder)} <= names
    alone = {".ci/run", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "setup.py"}
    assert alone | {"pyproject.toml", "constraints.txt", "MANIFEST.in", ".gitignore"} <= names
