from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import pytest

bench = import_module("hetgraph.benchmarks.cli")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Two benchmarks, `alpha` and `beta`; returns what `quick` each was run with."""
    runs: list[bool] = []

    def load(name: str) -> ModuleType:
        module = ModuleType(name, f"Measures {name}.\n\nMore.")
        module.run = lambda console, *, quick=False: runs.append(quick)  # type: ignore[attr-defined]
        return module

    monkeypatch.setattr(bench, "_names", lambda: ["alpha", "beta"])
    monkeypatch.setattr(bench, "_load", load)
    return runs


def test_without_a_name_they_are_listed(hetgraph: Callable, fake: list[bool]) -> None:
    code, out, _ = hetgraph("bench")
    assert code == 0
    assert "Measures alpha." in out
    assert "Measures beta." in out
    assert fake == []


def test_one_is_run(hetgraph: Callable, fake: list[bool]) -> None:
    assert hetgraph("bench", "beta").code == 0
    assert hetgraph("bench", "beta", "--quick").code == 0
    assert fake == [False, True]


def test_a_misspelt_one_is_suggested(hetgraph: Callable, fake: list[bool]) -> None:
    code, _, err = hetgraph("bench", "betta")
    assert (code, fake) == (2, [])
    assert err == "hetgraph: error: unknown benchmark 'betta'. Did you mean 'beta'?\n"


def test_the_real_ones_can_be_run() -> None:
    names = bench._names()
    assert "kernels" in names
    assert "cli" not in names
    for name in names:
        assert callable(bench._load(name).run)
