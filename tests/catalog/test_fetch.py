from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

import pytest

from hetgraph.catalog.fetch import data_root, fetch_files, using_root
from hetgraph.catalog.manifest import FileEntry, Manifest
from hetgraph.errors import DataError
from hetgraph.files import cache_root

CONTENT = b"0\t1\n"
URLS = ("https://one.example/a.txt", "https://two.example/a.txt")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def manifest() -> Manifest:
    entry = FileEntry("a.txt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), URLS)
    return Manifest("demo", "One", files=(entry,))


def never(url: str, path: Path) -> None:
    raise AssertionError(f"{url} was asked for")


def place(root: Path, content: bytes) -> Path:
    path = root / "demo" / "One" / "a.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_local_file_is_verified_and_used_without_network(
    tmp_path: Path, manifest: Manifest
) -> None:
    path = place(tmp_path, CONTENT)
    assert fetch_files(manifest, tmp_path, download=never) == path.parent


@pytest.mark.parametrize("content", [CONTENT[:-1], b"1\t1\n"])
def test_a_wrong_local_file_is_refused_and_kept(
    tmp_path: Path, manifest: Manifest, content: bytes
) -> None:
    path = place(tmp_path, content)
    with pytest.raises(DataError, match=r"a\.txt has .* expected .* 'demo:"):
        fetch_files(manifest, tmp_path, download=never)
    assert path.read_bytes() == content


def test_a_missing_file_comes_from_the_first_address_that_has_it(
    tmp_path: Path, manifest: Manifest
) -> None:
    asked = []

    def download(url: str, path: Path) -> None:
        asked.append(url)
        path.write_bytes(CONTENT if url == URLS[1] else b"not found")

    folder = fetch_files(manifest, tmp_path, download=download)
    assert asked == list(URLS)
    assert (folder / "a.txt").read_bytes() == CONTENT
    assert [file.name for file in folder.iterdir()] == ["a.txt"]  # Nothing half-written stays.


def test_without_network_one_line_names_file_folder_and_addresses(
    tmp_path: Path, manifest: Manifest
) -> None:
    def download(url: str, path: Path) -> None:
        path.write_bytes(b"half")
        raise ConnectionError("Name or service not known")

    with pytest.raises(DataError) as caught:
        fetch_files(manifest, tmp_path, download=download)
    message = str(caught.value)
    assert "\n" not in message
    for text in ("demo/One", "a.txt", str(tmp_path / "demo" / "One"), *URLS, "ConnectionError"):
        assert text in message
    assert not list((tmp_path / "demo" / "One").iterdir())


def test_a_full_disk_is_said_to_be_full(tmp_path: Path, manifest: Manifest) -> None:
    def download(url: str, path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"cannot be stored: .*disk is full.*HETGRAPH_DATA"):
        fetch_files(manifest, tmp_path, download=download)


def test_a_root_that_is_a_file_is_explained(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be stored"):
        fetch_files(manifest, tmp_path / "file", download=never)


def test_roots_come_from_argument_environment_or_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_DATA", str(tmp_path))
    assert data_root("~/x") == Path.home() / "x"
    assert data_root() == tmp_path
    monkeypatch.delenv("HETGRAPH_DATA")
    monkeypatch.delenv("HETGRAPH_CACHE")
    assert data_root().name == "hetgraph"
    assert cache_root() == data_root() / "parsed"


@pytest.mark.network
def test_a_real_address_serves_the_file(tmp_path: Path) -> None:
    from hetgraph.catalog.loading import fetch_dataset

    assert (fetch_dataset("hgb/DBLP", tmp_path) / "DBLP.zip").is_file()


def test_a_root_may_hold_for_everything_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_DATA", str(tmp_path / "usual"))
    with using_root(tmp_path / "outer"), using_root(None):
        assert data_root() == tmp_path / "outer"
        assert data_root(tmp_path / "told") == tmp_path / "told"
        with suppress(KeyError), using_root(tmp_path / "inner"):
            assert data_root() == tmp_path / "inner"
            raise KeyError
        assert data_root() == tmp_path / "outer"
    assert data_root() == tmp_path / "usual"
