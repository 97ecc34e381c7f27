"""Every example in a docstring runs, and every function that a user calls has one."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import io
import pkgutil
import re
from pathlib import Path

import pytest

import hetgraph

# Packages whose public functions all have an example; a package joins when its last one does.
COMPLETE = (
    "catalog",
    "catalog.loading",
    "data",
    "explain",
    "features",
    "io",
    "leaderboards",
    "metapaths",
    "methods",
    "metrics",
    "nn",
    "ops",
    "runs",
    "sampling",
    "tasks",
)


# Packages that users build models from: their classes have examples, too.
FOR_MODELS = ("nn", "ops", "sampling")


def modules_with_examples() -> list[str]:
    """The modules whose source has an example, found without importing any of them."""
    modules = []
    for module in pkgutil.iter_modules(hetgraph.__path__, "hetgraph."):
        spec = importlib.util.find_spec(module.name)
        # By package, as ``rglob`` from the root would not enter folders that are links.
        root = Path(spec.origin).parent if module.ispkg else None
        for path in sorted(root.rglob("*.py")) if root else [Path(spec.origin)]:
            if ">>> " in path.read_text(encoding="utf-8"):
                inner = path.relative_to(root).with_suffix("").parts if root else ()
                modules.append(".".join((module.name, *inner)).removesuffix(".__init__"))
    return modules


def can_run(test: doctest.DocTest) -> bool:
    """Whether all packages that the examples import are installed; DGL never is."""
    source = "".join(example.source for example in test.examples)
    packages = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    return all(importlib.util.find_spec(package) for package in packages)


def run_examples(module: object) -> str:
    """Runs the examples of a module and returns the report of those that fail."""
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False)
    for test in filter(can_run, doctest.DocTestFinder().find(module)):
        runner.run(test, out=report.write)
    return report.getvalue()


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "hetgraph").partition(".")[0] == "hetgraph":
            raise
        pytest.skip(f"{error.name} is not installed")
    report = run_examples(module)
    assert not report, report


def test_a_wrong_output_fails() -> None:
    module = type(inspect)("wrong")
    module.__doc__ = ">>> 1 + 1\n3\n"
    assert "Expected:\n    3\nGot:\n    2" in run_examples(module)


def test_only_examples_of_missing_packages_are_skipped() -> None:
    module = type(inspect)("missing")
    module.__doc__ = ">>> import no_such_package\n"
    assert not run_examples(module)
    module.__doc__ = ">>> import json, no_such_package\n"
    assert "No module named 'no_such_package'" in run_examples(module)


@pytest.mark.parametrize("package", COMPLETE)
def test_every_public_function_has_an_example(package: str) -> None:
    module = importlib.import_module(f"hetgraph.{package}")
    functions = {name: getattr(module, name) for name in module.__all__}
    missing = [
        name
        for name, function in functions.items()
        if inspect.isfunction(function) and ">>> " not in (function.__doc__ or "")
    ]
    assert not missing


@pytest.mark.parametrize("package", FOR_MODELS)
def test_every_public_class_for_models_has_an_example(package: str) -> None:
    module = importlib.import_module(f"hetgraph.{package}")
    classes = {name: getattr(module, name) for name in module.__all__}
    missing = [
        name
        for name, value in classes.items()
        if inspect.isclass(value) and ">>> " not in (value.__doc__ or "")
    ]
    assert not missing


@pytest.mark.parametrize("package", FOR_MODELS)
def test_every_argument_for_models_is_described(package: str) -> None:
    module = importlib.import_module(f"hetgraph.{package}")
    values = {name: getattr(module, name) for name in module.__all__}
    missing = [
        f"{name}({key})"
        for name, value in values.items()
        if inspect.isclass(value) or inspect.isfunction(value)
        for key in inspect.signature(value).parameters
        if not re.search(rf"^ +\*{{0,2}}{key}: ", value.__doc__ or "", re.MULTILINE)
    ]
    # A module without arguments of its own has those of its base class.
    assert [name for name in missing if not name.endswith(("(args)", "(kwargs)"))] == []


@pytest.mark.parametrize("package", FOR_MODELS)
def test_every_public_method_for_models_is_described(package: str) -> None:
    module = importlib.import_module(f"hetgraph.{package}")
    missing = [
        f"{name}.{key}"
        for name in module.__all__
        if inspect.isclass(value := getattr(module, name))
        for key, member in vars(value).items()
        if not key.startswith("_") and (callable(member) or isinstance(member, property))
        if not member.__doc__
    ]
    assert not missing
