"""The package works, and `datasets` stays Hugging Face's, in all the ways to run it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

PROBE = """
import json, pathlib
import datasets, hetgraph
from hetgraph.registry import collections, models
import hetgraph.models.rphgnn, hetgraph.datasets.synthetic
def folder(module):
    return str(pathlib.Path(module.__file__).parent)
print(json.dumps({
    "hetgraph": folder(hetgraph),
    "hugging_face": getattr(datasets, "HUGGING_FACE", False),
    "rphgnn": folder(hetgraph.models.rphgnn),
    "synthetic": folder(hetgraph.datasets.synthetic),
    "models": models.names(),
    "collections": collections.names(),
}))
"""
FORMS = ("checkout", "zip", "no-links")

Environment = Callable[..., Path]
Execute = Callable[..., str]
Form = Callable[[str], Path]


def probe(execute: Execute, python: Path, cwd: Path) -> dict[str, object]:
    facts: dict[str, object] = json.loads(execute(python, "-c", PROBE, cwd=cwd))
    assert facts["hugging_face"] is True
    assert "rphgnn" in facts["models"]  # type: ignore[operator]
    assert "synthetic" in facts["collections"]  # type: ignore[operator]
    return facts


def assert_from_source(facts: dict[str, object], tree: Path) -> None:
    """All from the source tree, and nothing through a link."""
    assert facts["hetgraph"] == str(tree / "hetgraph")
    assert facts["rphgnn"] == str(tree / "models/rphgnn")
    assert facts["synthetic"] == str(tree / "datasets")


def test_wheel_from_any_folder(installed: Path, execute: Execute, tmp_path: Path) -> None:
    facts = probe(execute, installed, tmp_path)
    assert "site-packages" in str(facts["hetgraph"])
    assert facts["rphgnn"] == f"{facts['hetgraph']}/models/rphgnn"
    assert facts["synthetic"] == f"{facts['hetgraph']}/datasets"
    assert execute(installed.parent / "hetgraph", "--version", cwd=tmp_path)


def test_wheel_trains_and_shows_a_leaderboard(
    installed: Path, execute: Execute, tmp_path: Path
) -> None:
    hetgraph = installed.parent / "hetgraph"
    fast = ("--set", "train.max_epochs=2", "--set", "train.device=cpu")
    assert "micro_f1" in execute(hetgraph, "train", "rphgnn", *fast, "--out", "run", cwd=tmp_path)
    assert json.loads((tmp_path / "run/result.json").read_text())["epochs"] == 2
    board = execute(hetgraph, "leaderboard", "show", "hgb-node-classification", cwd=tmp_path)
    assert "RpHGNN" in board
    assert "reproduced" in board  # a verdict: our records are there
    assert (tmp_path / "leaderboards/tables/hgb-node-classification.md").is_file()


@pytest.mark.parametrize("form", FORMS)
def test_wheel_with_a_source_tree_as_current_folder(
    form: str, installed: Path, copy_of: Form, execute: Execute
) -> None:
    tree = copy_of(form)
    assert_from_source(probe(execute, installed, tree), tree)
    assert execute(installed, "-m", "hetgraph", "--version", cwd=tree).startswith("hetgraph ")


@pytest.mark.parametrize("form", FORMS)
def test_editable(
    form: str, copy_of: Form, environment: Environment, execute: Execute, tmp_path: Path
) -> None:
    tree = copy_of(form)
    python = environment("--no-build-isolation", "-e", tree)
    for folder in (tmp_path, tree):
        assert_from_source(probe(execute, python, folder), tree)
    new = tree / "models/_added_later.py"  # no second installation is needed for a new module
    new.write_text("VALUE = 1\n")
    execute(python, "-c", "import hetgraph.models._added_later", cwd=tmp_path)


@pytest.mark.parametrize(
    ("form", "command"),
    [
        *((form, ("-m", "pytest")) for form in FORMS),
        ("checkout", ("-c", "import pytest as p; p.main()")),
    ],
    ids=[*FORMS, "from-python"],
)
def test_pytest_from_the_root(
    form: str,
    command: tuple[str, str],
    copy_of: Form,
    environment: Environment,
    execute: Execute,
) -> None:
    tree = copy_of(form)
    shutil.rmtree(tree / "tests")
    (tree / "tests").mkdir()
    (tree / "tests/test_probe.py").write_text(
        "import datasets, hetgraph.models.rphgnn\n\n"
        "def test_probe():\n"
        f"    assert hetgraph.__file__ == {str(tree / 'hetgraph/__init__.py')!r}\n"
        "    assert datasets.HUGGING_FACE\n"
    )
    assert "1 passed" in execute(environment(), *command, cwd=tree)
