"""What the documents say can be typed, and the pinned versions fit the declared ones."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(document.read_text()) if kind == language]


def commands() -> list[str]:
    lines = (line for doc in DOCUMENTS for text in blocks(doc, "bash") for line in text.split("\n"))
    parts = (part.strip() for line in lines for part in line.split("&&"))
    return sorted({part for part in parts if part.startswith("hetgraph ")})


@pytest.mark.parametrize("command", commands())
def test_commands_can_be_parsed(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    import_module("hetgraph.cli.main")._parser().parse_args(words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = blocks(document, "python")
    if not examples:
        pytest.skip("no example in this document")
    monkeypatch.chdir(tmp_path)
    for example in examples:
        exec(compile(example, str(document), "exec"), {"__name__": "example"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_ci_script_finds_the_test_command() -> None:
    (pattern,) = re.findall(r"grep -m 1 -E '([^']+)'", (ROOT / ".ci/run").read_text())
    (line,) = re.findall(f"{pattern}.*", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert line in (ROOT / "CONTRIBUTING.md").read_text()
    assert (ROOT / ".ci/run").stat().st_mode & 0o111, "it must be executable"


def test_constraints_pin_every_dependency_within_its_range() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[\w.-]+==[\w.]+", line), f"{line}: a plain version is expected"
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"]]
    inner = [extra for text in wanted for extra in Requirement(text).extras]
    wanted += [text for extra in inner for text in extras[extra]]
    for requirement in map(Requirement, wanted):
        if requirement.name != "hetgraph":
            version = pins[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"
