import sys
from pathlib import Path

import pytest

from hetgraph.errors import ConfigError
from hetgraph.registry import Registry

BASE = """
class Base:
    name = ""
"""
ONE = """
from shelf.base_ import Base
class Helper(Base):
    name = "other"
class One(Base):
    name = "one"
"""
ALIASES = """
from typing import TypeAlias
from shelf.base_ import Base
class Claims:
    __class__ = type  # as list[int] does on some versions of Python
Rows: TypeAlias = list[int]
ByName = dict[str, Base]
Either = Base | None
CLAIMS = Claims()
class Aliases(Base):
    name = "aliases"
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, text in (("base_", BASE), ("one", ONE), ("_private", ""), ("empty", "")):
        (shelf / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("thing", "shelf", "test.shelf", "shelf.base_:Base")
    for name in [name for name in sys.modules if name.split(".")[0] == "shelf"]:
        del sys.modules[name]


def test_finds_the_class_of_a_module_by_its_name(registry: Registry) -> None:
    assert registry.names() == ("empty", "one")  # Neither the private nor the base's module.
    assert registry.get("one").__name__ == "One"


def test_type_aliases_in_a_module_are_no_classes(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "shelf/aliases.py").write_text(ALIASES)
    assert registry.get("aliases").__name__ == "Aliases"


def test_misspelt_and_incomplete_names_are_told(registry: Registry) -> None:
    with pytest.raises(ConfigError, match=r"unknown thing 'onee'\. Did you mean 'one'"):
        registry.get("onee")
    with pytest.raises(ConfigError, match=r"shelf\.empty defines no Base"):
        registry.get("empty")


def test_classes_can_be_added_by_hand(registry: Registry) -> None:
    base = type(registry.get("one")).__mro__ and registry.get("one").__mro__[1]
    two = type("Two", (base,), {"name": "two"})
    registry.add(two)
    assert registry.get("two") is two
    assert "two" in registry
    with pytest.raises(ConfigError, match="expected a Base subclass"):
        registry.add(int, "three")
