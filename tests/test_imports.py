"""The order of the packages: who may import whom, and no circles.

Every import counts, wherever it stands: inside a function, under ``TYPE_CHECKING``, or as
``importlib.import_module("...")`` with a written name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

REPOSITORY = Path(__file__).parents[1]

ROOT = (
    "errors",
    "version",
    "heartbeat",
    "optional",
    "listing",
    "html",
    "seeds",
    "files",
    "settings",
    "renamed",
    "yamlfile",
    "tensorfile",
    "_checkout",
    "registry",
)
"""Modules that everybody may import, the lowest first, as below."""

CORE = (
    "data",
    "ops",
    "metapaths",
    "sampling",
    "features",
    "catalog",
    "io",
    "nn",
    "metrics",
    "views",
    "tasks",
    "methods",
    "train",
    "runs",
    "explain",
    "cli",
)
"""Packages, the lowest first: each imports only from those before it."""

TOP = ("models", "datasets", "leaderboards", "benchmarks")
"""Folders on top of the core, which reaches them through the registry only."""

FRONT = ("__init__", "__main__")
"""The front door: it imports the core, and only the folders on top go through it."""


@dataclass(frozen=True)
class Import:
    """An import of one of our modules by another.

    Args:
        source: Module that imports.
        target: Module that is imported.
        place: ``file:line``.
    """

    source: str
    target: str
    place: str

    def __str__(self) -> str:
        return f"{self.place} -> {self.target}"


# ------------------------------------------------------------------ reading


def modules_of(repository: Path) -> dict[str, Path]:
    """The file of every module by its name, ``hetgraph.models.latte.model`` for instance."""
    found: dict[str, Path] = {}
    for folder in ("hetgraph", *TOP):
        start = "hetgraph" if folder == "hetgraph" else f"hetgraph.{folder}"
        for path in sorted((repository / folder).rglob("*.py")):
            inside = path.relative_to(repository / folder).with_suffix("").parts
            linked = folder == "hetgraph" and inside[0] in TOP  # counted where it really is
            if not linked:
                words = [start, *(word for word in inside if word != "__init__")]
                found[".".join(words)] = path
    return found


def imports_of(repository: Path) -> list[Import]:
    """Every import among our modules, in the order of the files."""
    modules = modules_of(repository)
    found: list[Import] = []
    for name, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for line, target in sorted(set(_named(tree, name, path, modules))):
            if target != name:
                place = f"{path.relative_to(repository).as_posix()}:{line}"
                found.append(Import(name, target, place))
    return found


def _named(
    tree: ast.AST, name: str, path: Path, modules: Mapping[str, Path]
) -> Iterator[tuple[int, str]]:
    """Line and module of every import in a file; what is no module of ours is left out."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        wanted: list[tuple[str, str]] = []  # module, attribute
        if isinstance(node, ast.Import):
            wanted = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            wanted = [(module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and _called(node) == "import_module":
            texts = [given.value for given in node.args if isinstance(given, ast.Constant)]
            wanted = [(str(text), "") for text in texts]
        for module, attribute in wanted:
            inner = f"{module}.{attribute}"
            target = inner if inner in modules else module
            if target in modules:
                yield getattr(node, "lineno", 0), target


def _called(call: ast.Call) -> str:
    """The last word of what is called, ``"import_module"`` of ``importlib.import_module``."""
    function = call.func
    return getattr(function, "attr", "") or getattr(function, "id", "")


# ------------------------------------------------------------------ judging


def package_of(module: str) -> str:
    """``"data"`` of ``hetgraph.data.csr``; ``"__init__"`` of ``hetgraph`` itself."""
    return module.split(".")[1] if "." in module else "__init__"


def may_import(source: str, target: str) -> bool:
    """Whether the package ``source`` may import from the package ``target``."""
    order = (*ROOT, *CORE, *FRONT, *TOP)
    return source == target or order.index(target) < order.index(source)


def wrong_imports(imports: Iterable[Import], package: str) -> list[Import]:
    """The imports of a package that go against the order."""
    return [
        arrow
        for arrow in imports
        if package_of(arrow.source) == package and not may_import(package, package_of(arrow.target))
    ]


def circles(imports: Iterable[Import]) -> list[list[str]]:
    """Groups of modules that all reach each other by imports, the largest first."""
    arrows = [(arrow.source, arrow.target) for arrow in imports]
    names = sorted({name for arrow in arrows for name in arrow})
    place = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), dtype=bool)
    for source, target in arrows:
        matrix[place[source], place[target]] = True
    _, label = connected_components(matrix, connection="strong")
    groups: dict[int, list[str]] = {}
    for name, group in zip(names, label.tolist(), strict=True):
        groups.setdefault(group, []).append(name)
    return sorted((group for group in groups.values() if len(group) > 1), key=len, reverse=True)


# ------------------------------------------------------------------ this repository


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return imports_of(REPOSITORY)


def test_every_package_has_its_place() -> None:
    known = {*ROOT, *CORE, *TOP, *FRONT}
    assert {package_of(name) for name in modules_of(REPOSITORY)} <= known


@pytest.mark.parametrize("package", [*ROOT, *CORE, *TOP, *FRONT])
def test_imports_go_up_the_list(package: str, imports: list[Import]) -> None:
    wrong = wrong_imports(imports, package)
    lines = "\n  ".join(str(arrow) for arrow in wrong)
    assert not wrong, f"{len(wrong)} imports of {package} go against the order:\n  {lines}"


def test_no_circle_of_more_than_two_files(imports: list[Import]) -> None:
    large = [group for group in circles(imports) if len(group) > 2]
    lines = []
    for group in large:
        inside = [arrow for arrow in imports if {arrow.source, arrow.target} <= set(group)]
        lines += [f"{len(group)} files:", *(f"  {arrow}" for arrow in inside)]
    assert not large, "imports go in circles, " + "\n".join(lines)


# ------------------------------------------------------------------ the test itself


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository with one wrong import of every kind, and a circle of three files."""
    files = {
        "hetgraph/__init__.py": "from hetgraph.data import Graph\n",
        "hetgraph/errors.py": "class UserError(Exception): ...\n",
        "hetgraph/data/__init__.py": "from hetgraph.data.graph import Graph\n",
        "hetgraph/data/graph.py": "from hetgraph.errors import UserError\n",
        "hetgraph/ops/lazy.py": "def late():\n    from hetgraph.nn import layers\n",
        "hetgraph/nn/__init__.py": "from hetgraph.ops import lazy\n",
        "hetgraph/nn/layers.py": (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n"
            "    from hetgraph.tasks.base import Task\n"
            "from ..train import loop\n"
        ),
        "hetgraph/tasks/base.py": "import hetgraph.nn.layers as layers\nimport hetgraph.ops.lazy\n",
        "hetgraph/train/loop.py": (
            "import importlib, torch\n"
            "from hetgraph import data\n"
            'model = importlib.import_module("hetgraph.models.one")\n'
        ),
        "models/one.py": "import hetgraph\nfrom hetgraph.train.loop import model\n",
        "datasets/two.py": "from hetgraph.benchmarks import speed\n",
        "benchmarks/speed.py": "import hetgraph.datasets.two\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "hetgraph/models").symlink_to("../models")
    return tmp_path


def test_every_kind_of_import_is_seen(small: Path) -> None:
    arrows = imports_of(small)
    packages = (*ROOT, *CORE, *TOP, *FRONT)
    wrong = [str(arrow) for package in packages for arrow in wrong_imports(arrows, package)]
    assert wrong == [
        "hetgraph/ops/lazy.py:2 -> hetgraph.nn.layers",
        "hetgraph/nn/layers.py:3 -> hetgraph.tasks.base",
        "hetgraph/nn/layers.py:4 -> hetgraph.train.loop",
        "hetgraph/train/loop.py:3 -> hetgraph.models.one",
        "datasets/two.py:1 -> hetgraph.benchmarks.speed",
    ]


def test_circles_are_found(small: Path) -> None:
    found = circles(imports_of(small))
    assert found == [
        ["hetgraph.nn.layers", "hetgraph.ops.lazy", "hetgraph.tasks.base"],
        ["hetgraph.benchmarks.speed", "hetgraph.datasets.two"],
        ["hetgraph.models.one", "hetgraph.train.loop"],
    ]
