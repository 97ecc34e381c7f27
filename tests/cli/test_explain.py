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


def test_classes_are_lines_below_their_relation(hetgraph: Callable, told: Callable) -> None:
    of_class = (
        RelevanceRow("author", "author[x]", 1, 0.125, label=1),
        RelevanceRow("author", "author[x]", 1, 0.625, label=0),
    )
    asked = told((*ROWS, *of_class), class_names=("theory",))
    code, out, _ = hetgraph("explain", "run", "--by-class", "--format", "pdf", "--root", "data")
    assert code == 0
    assert asked[0] == ((Path("run"), Path("data")), {"by_class": True, "formats": ["pdf"]})
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.split("\n")]
    at = next(number for number, row in enumerate(cells) if row[:1] == ["author[x]"])
    assert cells[at : at + 3] == [
        ["author[x]", "1", "all nodes", "0.7500", "0.1000"],
        ["", "", "theory", "0.6250", ""],
        ["", "", "class 1", "0.1250", ""],
    ]


def test_more_classes_than_are_shown_are_counted(hetgraph: Callable, told: Callable) -> None:
    told((*ROWS, *(RelevanceRow("author", "author[x]", 1, 0.5, label=n) for n in range(11))))
    out = hetgraph("explain", "run", "--by-class").out
    assert "class 7" in out
    assert "class 8" not in out
    assert "3 more classes are in relevance.csv" in out


@pytest.mark.parametrize(
    ("width", "by_class"), [(50, False), (80, False), (120, False), (80, True), (120, True)]
)
def test_names_are_never_cut(
    hetgraph: Callable,
    told: Callable,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    by_class: bool,
) -> None:
    names = (
        "{author, paper, term, venue} -> ... -> paper -written_by> author",
        "author-paper-venue-paper-author-paper-term-paper-author",
        "x" * 70,
    )
    rows = [RelevanceRow("author", name, 3, 0.5, 0.25) for name in names]
    classes = ("information retrieval", "theory of very long names of classes in a row")
    if by_class:
        rows += [RelevanceRow("author", name, 3, 0.5, 0.2, n) for name in names for n in (0, 1)]
    told(tuple(rows), class_names=classes)
    monkeypatch.setenv("COLUMNS", str(width))
    out = hetgraph("explain", "run").out
    lines = out.split("\n")
    assert max(map(len, lines)) <= width
    assert "…" not in out
    cells = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    whole = "".join(row[0].strip() for row in cells)
    assert whole.replace(" ", "") == "".join(names).replace(" ", "")
    if by_class:
        said = "".join(row[2].strip() for row in cells).replace(" ", "")
        assert said == ("all nodes" + "".join(classes)).replace(" ", "") * 3


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
    assert "embedding, schema, reliability (png, svg)" in out
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
