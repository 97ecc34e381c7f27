from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hetgraph as package
from hetgraph import explain
from hetgraph.explain import Explanation
from hetgraph.methods import RelevanceRow

ROWS = (
    RelevanceRow("author", "author -writes> paper", 0, 0.25),
    RelevanceRow("author", "author[x]", 1, 0.75, 0.1),
    RelevanceRow("paper", "paper-venue", 0, 1.0),
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list]:
    """Makes the command show an explanation that is not computed; returns what it asked for."""

    def install(rows: tuple[RelevanceRow, ...] = ROWS, **facts: tuple) -> list:
        asked: list = []
        given = {"class_names": (), "files": (), "notes": ()} | facts

        def answer(*words: object, **options: object) -> Explanation:
            asked.append((words, options))
            return Explanation("told", "toy/set", rows, **given)

        monkeypatch.setattr(explain, "explain", answer)
        return asked

    return install


def test_the_table_has_the_largest_first(hetgraph: Callable, told: Callable) -> None:
    asked = told()
    code, out, _ = hetgraph("explain", "run")
    assert code == 0
    assert asked == [((Path("run"), None), {"by_class": False, "formats": ["png", "svg"]})]
    assert "told on toy/set" in out
    assert out.index("author[x]") < out.index("author -writes> paper")
    assert "0.7500 │ 0.1000" in out


def test_classes_are_columns(hetgraph: Callable, told: Callable) -> None:
    of_class = (
        RelevanceRow("author", "author[x]", 1, 0.125, label=1),
        RelevanceRow("author", "author[x]", 1, 0.625, label=0),
    )
    asked = told((*ROWS, *of_class), class_names=("theory",))
    code, out, _ = hetgraph("explain", "run", "--by-class", "--format", "pdf", "--root", "data")
    assert code == 0
    assert asked[0] == ((Path("run"), Path("data")), {"by_class": True, "formats": ["pdf"]})
    (heading,) = [line for line in out.split("\n") if "node type" in line]
    assert heading.index("theory") < heading.index("class 1")
    (row,) = [line for line in out.split("\n") if "author[x]" in line]
    assert row.index("0.6250") < row.index("0.1250")


def test_notes_and_files_are_named(hetgraph: Callable, told: Callable) -> None:
    pictures = tuple(Path(f"run/explain/{name}") for name in ("a.png", "a.svg", "b.png", "b.svg"))
    told((), notes=("told is [silent].",), files=(Path("run/relevance.csv"), *pictures))
    code, out, _ = hetgraph("explain", "run")
    assert code == 0
    assert out.split("\n")[:3] == [
        "told is [silent].",
        "written to run/relevance.csv",
        "pictures in run/explain: a, b (png, svg)",
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    settings = {"train": {"max_epochs": 1, "device": "cpu"}, "data": {"scale": 0.05}}
    package.run("mlp", out=folder, settings=settings, progress=False)
    return folder


def test_a_model_without_relevance_is_no_error(hetgraph: Callable, trained: Path) -> None:
    code, out, err = hetgraph("explain", str(trained))
    assert (code, err) == (0, "")
    assert out.startswith("mlp weighs no relations")
    assert "embedding, schema (png, svg)" in out
    assert (trained / "explain/schema.svg").is_file()


def test_without_matplotlib_one_line_says_how_to_get_it(
    hetgraph: Callable, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, _ = hetgraph("explain", str(trained))
    assert code == 0
    (line,) = [line for line in out.split("\n") if "matplotlib" in line]
    assert line.endswith("pip install 'hetgraph[plot]'")


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_a_folder_that_is_no_run(hetgraph: Callable, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    code, _, err = hetgraph("explain", str(tmp_path))
    assert code == 2
    assert "result.json" in err
    assert err.count("\n") == 1


def test_an_unknown_format(hetgraph: Callable, tmp_path: Path) -> None:
    code, _, err = hetgraph("explain", str(tmp_path), "--format", "svgg")
    assert code == 2
    assert "Did you mean 'svg'?" in err
