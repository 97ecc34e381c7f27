from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from hetgraph.errors import ConfigError
from hetgraph.leaderboards import available, folders, load_benchmark
from hetgraph.leaderboards.board import build_boards
from hetgraph.leaderboards.folders import find_folders
from hetgraph.leaderboards.pages import to_html, to_markdown
from hetgraph.leaderboards.record import append_record
from hetgraph.leaderboards.render import show


@pytest.fixture
def results(tmp_path: Path, make_record) -> Path:
    """Five runs on DBLP with both test protocols."""
    folder = tmp_path / "results"
    for seed in range(5):
        micro, macro = 0.9549 + 0.0005 * seed, 0.9519 + 0.0005 * seed
        scores = {"micro_f1": micro, "macro_f1": macro}
        half = {f"{name}_half": value - 0.03 for name, value in scores.items()}
        append_record(folder, make_record(seed=seed, metrics={"test": {**scores, **half}}))
    return folder


def _shown(*args, width: int = 120, **options) -> str:
    stream = io.StringIO()
    show(*args, Console(file=stream, width=width), **options)
    return stream.getvalue()


def test_why_a_row_is_not_run_is_told(tiny: Path, tmp_path: Path) -> None:
    text = tiny.read_text().replace(
        "  - model: Other | one\n", "  - model: Other | one\n    not_run: too large\n"
    )
    assert "too large" in text
    tiny.write_text(text)
    shown = _shown(tiny, results=tmp_path, write=False, width=200)
    assert "· not run (too large)" in shown


def test_console_shows_published_ours_and_verdict(tiny: Path, results: Path):
    text = _shown(tiny, results=results, write=False)
    for part in ("95.55±0.29", "95.59±0.08", "✓ reproduced", "▼ worse", "· not run", "12.0 s"):
        assert part in text
    assert "3.00 GiB" in text
    assert "5,727,777" in text
    assert "?" in text
    assert "OOM" in text
    assert not (results.parent / "tables").exists()


def test_console_fits_the_width(tiny: Path, results: Path):
    for width in (80, 120):
        lines = _shown(tiny, results=results, write=False, width=width).splitlines()
        assert max(map(len, lines)) <= width


def test_show_writes_both_tables_beside_the_results(tiny: Path, results: Path):
    stream = io.StringIO()
    written = show(tiny, Console(file=stream, width=100), results=results)
    tables = results.parent / "tables"
    assert written == [tables / "tiny.md", tables / "tiny.html"]
    assert all(path.stat().st_size > 500 for path in written)
    assert str(written[0]) in stream.getvalue().replace("\n", "")


def test_the_same_records_give_the_same_files(tiny: Path, results: Path):
    first = [path.read_bytes() for path in show(tiny, Console(quiet=True), results=results)]
    second = [path.read_bytes() for path in show(tiny, Console(quiet=True), results=results)]
    assert first == second


def test_unknown_benchmark_is_a_user_error():
    with pytest.raises(ConfigError, match="Unknown benchmark"):
        show("nothing", Console(quiet=True))


def _markdown_tables(text: str) -> list[list[list[str]]]:
    tables: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            cells = line.replace("\\|", "\0").strip("|").split("|")
            tables[-1].append([cell.strip().replace("\0", "|") for cell in cells])
        elif tables[-1]:
            tables.append([])
    return [table for table in tables if table]


def test_markdown_tables_are_rectangular_and_complete(tiny: Path, results: Path):
    benchmark = load_benchmark(tiny)
    from hetgraph.leaderboards.record import read_records

    text = to_markdown(benchmark, build_boards(benchmark, read_records(results, "tiny")))
    tables = _markdown_tables(text)
    assert len(tables) == 4  # DBLP, its tests, IMDB, Freebase
    for table in tables:
        assert len({len(row) for row in table}) == 1
    dblp = tables[0]
    header, ours = dblp[0], next(row for row in dblp if row[0] == "**RpHGNN †**")
    row = dict(zip(header, ours, strict=True))
    assert row["Published: Micro-F1"] == "95.55 ± 0.29"
    assert row["Ours, full test: Micro-F1"] == "95.59 ± 0.08"
    assert row["Ours, half test: Micro-F1"] == "92.59 ± 0.08"
    assert row["Ours: Runs"] == "5"
    assert row["Ours, full test: Verdict"] == "✓ reproduced"
    assert row["Ours, half test: Verdict"] == "▼ worse"
    assert "Other | one" in {row[0] for row in dblp}
    assert [len(table) - 2 for table in tables] == [2, 4, 1, 1]


class _Page(HTMLParser):
    """Checks that tags balance and collects what tests look at."""

    VOID = frozenset({"meta", "line", "circle", "rect", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.loads: list[str] = []
        self.texts: list[str] = []
        self.rows: list[int] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a":
            self.targets.append(values["href"])
        self.loads += [values[key] for key in ("src", "data") if key in values]
        if tag == "link":
            self.loads.append(values["href"])
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += int(values.get("colspan", 1))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def _page(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def test_html_is_self_contained_and_its_links_resolve(tiny: Path, results: Path):
    path = show(tiny, Console(quiet=True), results=results)[1]
    text = path.read_text(encoding="utf-8")
    page = _page(text)
    assert page.loads == []
    assert "@import" not in text
    assert "url(" not in text
    assert "{{" not in text
    inner = [target[1:] for target in page.targets if target.startswith("#")]
    assert inner
    assert set(inner) <= page.ids
    outer = {target for target in page.targets if not target.startswith("#")}
    assert outer == {"https://example.org/paper", "https://example.org/figure"}


def test_html_escapes_and_shows_values(tiny: Path, results: Path):
    path = show(tiny, Console(quiet=True), results=results)[1]
    text = path.read_text(encoding="utf-8")
    assert "A tiny &lt;benchmark&gt;" in text
    joined = " ".join(_page(text).texts)
    for part in ("95.55 ± 0.29", "95.59 ± 0.08", "92.59 ± 0.08", "✓ reproduced", "OOM", "12.0 s"):
        assert part in joined
    assert text.count("<svg") == 4  # two metrics, two protocols
    assert 'role="img" aria-label="Difference +0.04' in text


def test_html_rows_have_as_many_cells_as_the_heading(tiny: Path):
    benchmark = load_benchmark(tiny)
    page = _page(to_html(benchmark, build_boards(benchmark, [])))
    assert page.rows[:2] == [page.rows[2]] * 2


@pytest.mark.parametrize("name", available())
def test_shipped_benchmarks_render_without_records(name: str, tmp_path: Path):
    text = _shown(name, results=tmp_path / "results")
    assert "not run" in text
    page = _page((tmp_path / "tables" / f"{name}.html").read_text(encoding="utf-8"))
    assert "not run" in " ".join(page.texts)


def test_the_checkout_holds_results_and_tables():
    places = find_folders()
    assert places.results == folders.FOLDER / "results"
    assert places.shipped is None


def test_an_installed_package_writes_to_the_current_folder(
    tiny: Path, results: Path, tmp_path: Path, monkeypatch
):
    """Shipped records are shown until the user has some, and never written to."""
    package = tmp_path / "site-packages" / "hetgraph" / "leaderboards"
    package.mkdir(parents=True)
    results.rename(package / "results")
    monkeypatch.setattr(folders, "FOLDER", package)
    monkeypatch.chdir(tmp_path)
    places = find_folders()
    assert places.results == Path("leaderboards/results")
    assert "reproduced" in _shown(tiny)
    assert (tmp_path / "leaderboards" / "tables" / "tiny.md").is_file()
    assert sorted(path.name for path in package.iterdir()) == ["results"]


def test_results_by_name_keep_the_tables_together(tmp_path: Path):
    assert find_folders(tmp_path / "results").tables == tmp_path / "tables"
    assert find_folders(tmp_path / "mine").tables == tmp_path / "mine" / "tables"


def test_markdown_cells_lose_their_meaning(tiny: Path):
    text = tiny.read_text(encoding="utf-8").replace("Other | one", r"'*Other* | one\'")
    tiny.write_text(text, encoding="utf-8")
    benchmark = load_benchmark(tiny)
    assert "| \\*Other\\* \\| one\\\\ |" in to_markdown(benchmark, build_boards(benchmark, []))
