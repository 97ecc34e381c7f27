from __future__ import annotations

import sys

import pytest

from hetgraph.errors import ConfigError
from hetgraph.optional import Package, demand, is_installed, require


def test_all_missing_packages_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gguf", "peft"):
        monkeypatch.setitem(sys.modules, name, None)
    needed = [
        Package("torch", "torch"),
        Package("peft", "hetgraph[llm]"),
        Package("gguf", "hetgraph[llm]"),
        Package("no_such_weights", "--no-deps no-such-weights"),
    ]
    with pytest.raises(ConfigError) as caught:
        demand(needed)
    assert str(caught.value) == (
        "this needs the packages 'peft', 'gguf', 'no_such_weights'; run: "
        "pip install 'hetgraph[llm]' && pip install --no-deps no-such-weights"
    )
    demand(needed[:1])


def test_a_package_is_looked_for_without_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    assert is_installed("this")
    assert "this" not in sys.modules
    monkeypatch.setitem(sys.modules, "this", None)
    assert not is_installed("this.part")


def test_require_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ConfigError, match=r"'gguf'.*pip install 'hetgraph\[llm\]'"):
        require("gguf", "hetgraph[llm]")
