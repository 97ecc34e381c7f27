from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from hetgraph.catalog import Dataset
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.manifest import Manifest
from hetgraph.errors import ConfigError
from hetgraph.registry import collections


class Bare(Collection):
    name = "bare"

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        raise NotImplementedError


def test_a_collection_without_manifest_has_no_sets() -> None:
    assert Bare().names() == ()
    with pytest.raises(ConfigError, match="has no data set 'x'"):
        Bare().manifest("x")


def test_a_collection_that_is_no_format_says_so() -> None:
    with pytest.raises(ConfigError, match="not a file format"):
        Bare().load_folder(Path())


def test_fingerprint_changes_with_the_version() -> None:
    class Newer(Bare):
        version: ClassVar[int] = 2

    Newer.__qualname__ = Bare.__qualname__
    assert Bare().fingerprint() == Bare().fingerprint()
    assert Newer().fingerprint() != Bare().fingerprint()


@pytest.mark.parametrize("name", collections.names())
def test_every_collection_is_found_by_its_name(name: str) -> None:
    collection = collections.get(name)()
    assert collection.name == name
    for set_name in collection.names():
        assert collection.manifest(set_name).collection == name


def test_unknown_set_is_suggested() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'Cora'"):
        collections.get("planetoid")().manifest("cora")


def test_files_tell_where_a_file_lies() -> None:
    assert Files(Path("/a"), Manifest("c", "n")).path("x.txt") == Path("/a/x.txt")
