from __future__ import annotations

import sys
from pathlib import Path

import pytest

import hetgraph
from hetgraph.leaderboards import code as module
from hetgraph.leaderboards.code import code_digest, is_current, syntax_digest
from hetgraph.registry import models

NODES = "hetgraph.tasks.node_classification"
SOURCE = '''"""A module."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike


class Layer:
    """A layer."""

    size: int = 2
    """Its size."""

    def forward(self, x):
        """Doubles x."""
        if x is None:
            raise ValueError(f"x is {x!r}, expected a number.")
        return self.size * x
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A layer."""', '"""The layer,\n\n    in words.\n    """'),
        ('    """Its size."""\n', ""),
        ('        """Doubles x."""\n', "        # doubles\n"),
        ("return self.size * x", "return (self.size\n            *   x)"),
        (", expected a number.", " {1 + 1}; give a number."),
        ("    from os import PathLike", "    from os import PathLike, sep"),
    ],
)
def test_prose_changes_no_digest(old: str, new: str):
    assert old in SOURCE
    assert syntax_digest(SOURCE.replace(old, new)) == syntax_digest(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size: int = 2", "size: int = 3"),
        ("self.size * x", "self.size + x"),
        ("self.size * x", "'2' * x"),
        ("x is None", "x == None"),
        ("raise ValueError", "raise TypeError"),
        ("import TYPE_CHECKING", "import TYPE_CHECKING, Any"),
        ("        if x is None:\n", "        if not x:\n"),
    ],
)
def test_code_changes_the_digest(old: str, new: str):
    assert old in SOURCE
    assert syntax_digest(SOURCE.replace(old, new)) != syntax_digest(SOURCE)


def test_the_digest_of_a_tree_is_the_same_in_every_python():
    """Its text is written out here, so that each version that runs the tests checks it."""
    assert syntax_digest("def f(x, *, y=None):\n    return [x, f'{y:>{x}}']\n").startswith(
        "2a06ee7af5780241"
    )


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small copy of the layout of the library, which a test may edit."""
    files = {
        "models/__init__.py": "",
        "models/net/__init__.py": "from hetgraph.models.net.model import Net\n",
        "models/net/model.py": "from hetgraph.models.base import Base\n"
        "from hetgraph.ops import spmm\n",
        "models/base/__init__.py": "class Base: ...\n",
        "models/base/inner.py": "x = 1\n",
        "models/other/__init__.py": "x = 1\n",
        "ops/__init__.py": "",
        "ops/spmm.py": "x = 1\n",
        "train/loop.py": "x = 1\n",
        "train/__init__.py": "",
        "tasks/__init__.py": "from hetgraph.tasks.base import Task\n"
        "from hetgraph.tasks.links import Links\n",
        "tasks/base.py": "class Task: ...\n",
        "tasks/nodes.py": "from hetgraph.tasks import Task\n"
        "def f():\n    from hetgraph.metrics import f1\n",
        "tasks/links.py": "x = 1\n",
        "metrics/__init__.py": "from hetgraph.metrics.f1 import f1\n",
        "metrics/f1.py": "f1 = 1\n",
        "metrics/ranks.py": "x = 1\n",
        "io/__init__.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def folder(package: str) -> Path | None:
        path = tmp_path / package.removeprefix("hetgraph.")
        return path if path.is_dir() else None

    monkeypatch.setattr(module, "_package_folder", folder)
    return tmp_path


def _digest() -> dict[str, str]:
    for function in (module._digests, module._imports, module._passed_on, module._file_digest):
        function.cache_clear()
    return code_digest("net", "hetgraph.tasks.nodes")


@pytest.fixture(autouse=True)
def _clean():
    yield
    for function in (module._digests, module._imports, module._passed_on, module._file_digest):
        function.cache_clear()


@pytest.mark.parametrize(
    ("file", "component"),
    [
        ("models/net/model.py", "method"),
        ("models/base/__init__.py", "method"),  # imported by the method
        ("models/base/inner.py", "method"),  # a package counts as a whole
        ("models/other/__init__.py", None),
        ("ops/spmm.py", "ops"),
        ("train/loop.py", "train"),
        ("tasks/nodes.py", "tasks"),
        ("tasks/base.py", "tasks"),  # through the names that the package passes on
        ("tasks/links.py", None),
        ("metrics/f1.py", "tasks"),  # imported in a function
        ("metrics/ranks.py", None),
        ("io/__init__.py", None),
    ],
)
def test_each_component_is_of_its_files(library: Path, file: str, component: str | None):
    before = _digest()
    path = library / file
    path.write_text(path.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    assert _digest() == before
    path.write_text(path.read_text(encoding="utf-8") + "\nchanged = 1\n", encoding="utf-8")
    after = _digest()
    expected = set() if component is None else {component, "total"}
    assert {name for name in before if before[name] != after[name]} == expected


def test_a_new_file_counts(library: Path):
    before = _digest()
    (library / "ops" / "new.py").write_text("", encoding="utf-8")
    assert _digest()["ops"] != before["ops"]


@pytest.mark.parametrize("model", ["rgcn", "gph2", "lightgcn"])
def test_real_methods_have_all_components(model: str):
    code = code_digest(model, NODES)
    assert {"family", "method", "tasks", "methods", "nn", "ops", "train", "total"} <= set(code)
    assert code["family"] == NODES
    assert code["total"] != code_digest(model, "hetgraph.tasks.link_prediction")["total"]
    assert is_current(model, code)
    assert not is_current(model, {})
    assert not is_current(model, {**code, "total": "0" * 16})
    assert not is_current("not_installed", code)


def test_a_plug_in_is_digested_from_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "plug_in_model.py"
    text = (
        "from hetgraph.methods import Method\n"
        "class Plug(Method):\n    name = 'plug'\n    Config = None\n    rate = 1\n"
    )
    path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import plug_in_model

    monkeypatch.setitem(models._added, "plug", plug_in_model.Plug)
    monkeypatch.setitem(sys.modules, "plug_in_model", plug_in_model)
    before = code_digest("plug", NODES)
    assert module._method_files("plug") == [path.resolve()]
    path.write_text(text.replace("rate = 1", "rate = 2"), encoding="utf-8")
    for function in (module._digests, module._file_digest):
        function.cache_clear()
    after = code_digest("plug", NODES)
    assert {name for name in before if before[name] != after[name]} == {"method", "total"}


def test_only_the_package_itself_is_imported_to_find_files():
    import subprocess

    words = (
        "import sys; from hetgraph.leaderboards.code import code_digest; "
        f"code_digest('rgcn', {NODES!r}); sys.exit('torch' in sys.modules)"
    )
    root = str(Path(hetgraph.__file__).resolve().parents[1])
    done = subprocess.run([sys.executable, "-c", words], cwd=root, check=False)
    assert done.returncode == 0
