"""A digest of the code that makes a run's numbers, so that records of older code are known.

The digest is of the syntax trees. Comments, formatting, docstrings, texts of errors and imports for
type checkers are not part of it, so editing prose changes nothing. It does not depend on the
version of Python, and no method or task of the library is imported to compute it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from hetgraph.errors import UserError

__all__ = ["code_digest", "is_current", "syntax_digest"]

_WHOLE = ("methods", "metapaths", "nn", "ops", "sampling", "train", "views")
"""Packages that count as a whole, as they are shared by the methods."""

_FOLLOWED = ("hetgraph.tasks", "hetgraph.metrics")
"""Packages of which only what a task family and a method import counts."""

_MODELS = "hetgraph.models"


def code_digest(model: str, family: str) -> dict[str, str]:
    """Digests of the code behind the numbers of a method on a task.

    Args:
        model: Name of a registered model.
        family: Module that defines the task family, such as
            ``"hetgraph.tasks.node_classification"``.

    Returns:
        ``{component: digest}`` with 16 hexadecimal digits each, for the ``method`` (its package and
        those of other methods that it imports), the ``tasks`` (the family's module and what it or
        the method imports of tasks and metrics), and each shared package; ``total`` covers them
        all, ``family`` repeats the argument.
    """
    return {"family": family, **_digests(model, family)}


def is_current(model: str, code: Mapping[str, str]) -> bool:
    """Whether a record's ``code`` is that of the code at hand; never without a digest."""
    if not code.get("total"):
        return False
    try:
        return _digests(model, code.get("family", ""))["total"] == code["total"]
    except UserError:  # The method is not installed here, so the code at hand is another one.
        return False


@cache
def _digests(model: str, family: str) -> dict[str, str]:
    method = _with_imports(_method_files(model), (_MODELS,))
    tasks = _with_imports(method + _family_files(family), _FOLLOWED)
    components = {
        "method": method,
        "tasks": [path for path in tasks if path not in method],
        **{name: _package_files(f"hetgraph.{name}") for name in _WHOLE},
    }
    digests = {name: _digest(files) for name, files in components.items() if files}
    text = " ".join(f"{name}={digest}" for name, digest in sorted(digests.items()))
    return {**digests, "total": hashlib.sha256(text.encode()).hexdigest()[:16]}


def _digest(files: Iterable[Path]) -> str:
    """Digest of files, by the name of each and of its folder."""
    lines = sorted(
        f"{path.parent.name}/{path.name} {_file_digest(path, path.stat().st_mtime_ns)}"
        for path in files
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@lru_cache(maxsize=4096)
def _file_digest(path: Path, modified: int) -> str:
    return syntax_digest(path.read_text(encoding="utf-8"))


def syntax_digest(source: str) -> str:
    """The sha256 of the syntax tree of a module, without what makes no number.

    Example:
        >>> syntax_digest("x = 1  # one") == syntax_digest('"A module."; x = (1)')
        True
        >>> syntax_digest("x = 1") == syntax_digest("x = 2")
        False
    """
    text = "".join(_tokens(ast.parse(source)))
    return hashlib.sha256(text.encode()).hexdigest()


def _tokens(node: object, *, with_text: bool = True) -> Iterator[str]:
    """The tree as text; absent and empty fields are left out, as they differ between Pythons."""
    if isinstance(node, ast.Raise):
        with_text = False
    if not with_text and _is_text(node):
        yield "text"
    elif isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            if value is not None and value != []:
                yield f"{name}="
                yield from _tokens(value, with_text=with_text)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            if not _makes_no_number(item):
                yield from _tokens(item, with_text=with_text)
        yield "]"
    else:
        yield f"{type(node).__name__}:{node!r},"


def _is_text(node: object) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _makes_no_number(node: object) -> bool:
    """Whether a statement is a docstring or an import for type checkers."""
    if isinstance(node, ast.Expr):
        return _is_text(node.value)
    return isinstance(node, ast.If) and _is_type_checking(node)


def _is_type_checking(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _method_files(model: str) -> list[Path]:
    """The files of a method: its package, or the module or package of a plug-in."""
    if files := _module_files(f"{_MODELS}.{model}"):
        return _siblings(files[0])
    from hetgraph.registry import models

    cls = models.get(model)
    try:
        path = Path(inspect.getfile(cls)).resolve()
    except (OSError, TypeError):
        return []  # Defined at a prompt.
    return _siblings(path) if (path.parent / "__init__.py").is_file() else [path]


def _family_files(family: str) -> list[Path]:
    """The module that defines a task family, be it one of a plug-in."""
    if family.startswith("hetgraph."):
        return _module_files(family)
    try:
        spec = find_spec(family) if family else None
    except (ImportError, ValueError):
        spec = None
    return [Path(spec.origin).resolve()] if spec is not None and spec.origin else []


def _siblings(path: Path) -> list[Path]:
    """The files of the package that a file belongs to; a module beside packages stands alone."""
    if path.name != "__init__.py" and path.parent == _package_folder(_MODELS):
        return [path]
    return sorted(path.parent.rglob("*.py"))


def _with_imports(files: list[Path], packages: tuple[str, ...]) -> list[Path]:
    """Files with all that they import from some packages, directly or through one another."""
    reached = dict.fromkeys(files)
    waiting = list(files)
    while waiting:
        for module in _imports(waiting.pop()):
            if not module.startswith(tuple(f"{package}." for package in packages)):
                continue
            members = _module_files(module)
            if module.startswith(f"{_MODELS}.") and members:
                members = _method_files(module.split(".")[2])
            new = [path for path in members if path not in reached]
            reached.update(dict.fromkeys(new))
            waiting += new
    return sorted(reached)


@cache
def _imports(path: Path) -> frozenset[str]:
    """Modules that a file imports anywhere, names that a package passes on resolved."""
    modules = set()
    for node in _running_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules |= {_home(node.module, alias.name) for alias in node.names}
    return frozenset(modules)


def _running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and _is_type_checking(node)):
            yield node
            yield from _running_nodes(node)


def _home(module: str, name: str) -> str:
    """The module that ``from module import name`` leads to."""
    if _module_files(f"{module}.{name}"):
        return f"{module}.{name}"
    files = _module_files(module)
    if files and files[0].name == "__init__.py":
        return _passed_on(files[0]).get(name, module)
    return module


@cache
def _passed_on(package: Path) -> dict[str, str]:
    """Names that the ``__init__.py`` of a package imports, with the module of each."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.parse(package.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _module_files(module: str) -> list[Path]:
    """The file of a module of hetgraph, if there is one."""
    package = ".".join(module.split(".")[:2])
    folder = _package_folder(package) if module.startswith("hetgraph.") else None
    if folder is None:
        return []
    inner = folder.joinpath(*module.split(".")[2:])
    options = (inner / "__init__.py", inner.with_suffix(".py"))
    return [path for path in options if path.is_file()][:1]


def _package_files(package: str) -> list[Path]:
    folder = _package_folder(package)
    return sorted(folder.rglob("*.py")) if folder is not None else []


@cache
def _package_folder(package: str) -> Path | None:
    """The folder of a package directly in hetgraph; to find it, only hetgraph is imported."""
    importlib.import_module("hetgraph")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()
