"""What the documents say can be typed, and the pinned versions fit the declared ones.

Every ``python`` block of a document is run, in the order of the page, in one new folder per page.
A word after the language says more:

- ```` ```python continued ````: the block goes on where the last ``python`` block ended;
- ```` ```bash run ````: the ``hetgraph`` commands are run, not only parsed;
- ```` ```yaml board.yaml ````: the block is the content of a file of this name.
"""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hetgraph.registry import models

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    return [text for kind, _, text in BLOCK.findall(document.read_text()) if kind == language]


def commands() -> list[str]:
    lines = (line for doc in DOCUMENTS for text in blocks(doc, "bash") for line in text.split("\n"))
    parts = (part.strip() for line in lines for part in line.split("&&"))
    return sorted({part for part in parts if part.startswith("hetgraph ")})


@pytest.mark.parametrize("command", commands())
def test_commands_can_be_parsed(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    import_module("hetgraph.cli.main")._parser().parse_args(words)


def run_commands(text: str) -> None:
    """Runs the lines of a block, each a ``hetgraph`` command that must succeed."""
    main = import_module("hetgraph.cli").main
    for line in filter(None, text.splitlines()):
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "hetgraph", f"only hetgraph can be run in a document: {line}"
            assert main(words[1:]) == 0, line


def run_page(page: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the blocks of a page in the current folder, which is ``folder``."""
    # A model that a page registers is gone after it.
    monkeypatch.setattr(models, "_added", dict(models._added))
    module = None
    for kind, word, text in BLOCK.findall(page):
        if kind == "python":
            if word != "continued":
                module = ModuleType("example")
                monkeypatch.setitem(sys.modules, "example", module)
            assert module is not None, "the first block of a page has nothing to continue"
            exec(compile(text, name, "exec", dont_inherit=True), vars(module))
        elif word == "run":
            run_commands(text)
        elif word:
            folder.joinpath(word).parent.mkdir(parents=True, exist_ok=True)
            folder.joinpath(word).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_run(document: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = document.read_text()
    if not any(kind == "python" or word for kind, word, _ in BLOCK.findall(page)):
        pytest.skip("no example in this document")
    run_page(page, str(document), own_folders, monkeypatch)


def test_blocks_continue_and_files_are_written(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = """
```yaml sub/one.yaml
a: 1
```
```python
text = open("sub/one.yaml").read()
```
```python continued
assert text == "a: 1\\n"
```
```python
assert "text" not in globals()
```
"""
    run_page(page, "page", own_folders, monkeypatch)


@pytest.mark.parametrize(
    "page",
    [
        "```python\nassert False\n```",
        "```bash run\nhetgraph predict nowhere\n```",
        "```bash run\nls\n```",
        "```python continued\nprint()\n```",
    ],
)
def test_a_block_that_fails_is_told(
    page: str, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError):
        run_page(page, "page", own_folders, monkeypatch)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", BLOCK.sub("", document.read_text())):
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
