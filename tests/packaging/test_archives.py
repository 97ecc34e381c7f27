"""What the wheel and the source archive hold."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

TOP_LEVEL_FOLDERS = ("models", "datasets", "leaderboards", "benchmarks")


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def source_files(checkout: Path) -> set[str]:
    """Paths of all files under hetgraph/, seen through the links."""
    return {
        str(Path(folder, name).relative_to(checkout))
        for folder, _, names in os.walk(checkout / "hetgraph", followlinks=True)
        for name in names
        if not name.startswith(".") and not folder.endswith("__pycache__")
    }


def test_every_file_is_in_the_wheel(checkout: Path, wheel: Path) -> None:
    expected = source_files(checkout)
    for folder in TOP_LEVEL_FOLDERS:
        assert any(path.startswith(f"hetgraph/{folder}/") for path in expected)
    assert sorted(expected - contents(wheel).keys()) == []


def test_folders_at_the_root_are_the_packages_in_hetgraph(checkout: Path) -> None:
    for folder in TOP_LEVEL_FOLDERS:
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


def test_wheel_holds_no_caches_and_no_links(wheel: Path) -> None:
    for name in contents(wheel):
        assert "__pycache__" not in name
        assert not name.endswith((".pyc", ".so"))


def test_wheel_from_the_source_archive_is_the_same(
    checkout: Path, wheel: Path, tmp_path: Path, build: Callable[[Path, str, Path], Path]
) -> None:
    sdist = build(checkout, "sdist", tmp_path)
    with tarfile.open(sdist) as archive:
        assert not [member.name for member in archive if member.issym()]
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not in 3.11.2
        archive.extractall(tmp_path / "unpacked", **safe)
    (source,) = (tmp_path / "unpacked").iterdir()
    again, before = contents(build(source, "wheel", tmp_path)), contents(wheel)
    assert sorted(again) == sorted(before)
    record = next(name for name in before if name.endswith("/RECORD"))
    assert sorted(again.pop(record).split()) == sorted(before.pop(record).split())
    assert again == before
