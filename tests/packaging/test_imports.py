"""The package works, and `datasets` stays Hugging Face's, in all four ways to run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

PROBE = """
import json, pathlib
import datasets, hetgraph
from hetgraph.registry import collections, models
import hetgraph.models.rphgnn
print(json.dumps({
    "hetgraph": str(pathlib.Path(hetgraph.__file__).parent),
    "hugging_face": getattr(datasets, "HUGGING_FACE", False),
    "rphgnn": str(pathlib.Path(hetgraph.models.rphgnn.__file__).parent),
    "models": models.names(),
    "collections": collections.names(),
}))
"""

Environment = Callable[..., Path]
Execute = Callable[..., str]


def probe(execute: Execute, python: Path, cwd: Path) -> dict[str, object]:
    facts: dict[str, object] = json.loads(execute(python, "-c", PROBE, cwd=cwd))
    assert facts["hugging_face"] is True
    assert "rphgnn" in facts["models"]  # type: ignore[operator]
    assert "synthetic" in facts["collections"]  # type: ignore[operator]
    assert facts["rphgnn"] == f"{facts['hetgraph']}/models/rphgnn"
    return facts


def test_wheel_from_any_folder(
    wheel: Path, environment: Environment, execute: Execute, tmp_path: Path
) -> None:
    python = environment(wheel)
    facts = probe(execute, python, tmp_path)
    assert "site-packages" in str(facts["hetgraph"])
    assert execute(python.parent / "hetgraph", "--version", cwd=tmp_path).startswith("hetgraph ")


def test_wheel_with_the_checkout_as_current_folder(
    wheel: Path, checkout: Path, environment: Environment, execute: Execute
) -> None:
    python = environment(wheel)
    facts = probe(execute, python, checkout)
    assert facts["hetgraph"] == str(checkout / "hetgraph")
    assert execute(python, "-m", "hetgraph", "--version", cwd=checkout).startswith("hetgraph ")


def test_editable(
    checkout: Path, environment: Environment, execute: Execute, tmp_path: Path
) -> None:
    python = environment("--no-build-isolation", "-e", checkout)
    facts = probe(execute, python, tmp_path)
    assert facts["hetgraph"] == str(checkout / "hetgraph")
    new = checkout / "models/_added_later.py"  # no second installation is needed for a new module
    new.write_text("VALUE = 1\n")
    try:
        execute(python, "-c", "import hetgraph.models._added_later", cwd=tmp_path)
    finally:
        new.unlink()


@pytest.mark.parametrize("command", [("-m", "pytest"), ("-c", "import pytest as p; p.main()")])
def test_pytest_from_the_root(
    command: tuple[str, str], checkout: Path, environment: Environment, execute: Execute
) -> None:
    test = checkout / "tests/test_probe.py"
    test.parent.mkdir(exist_ok=True)
    test.write_text(
        "import datasets, hetgraph.models.rphgnn\n\n"
        "def test_probe():\n"
        f"    assert hetgraph.__file__ == {str(checkout / 'hetgraph/__init__.py')!r}\n"
        "    assert datasets.HUGGING_FACE\n"
    )
    assert "1 passed" in execute(environment(), *command, cwd=checkout)
