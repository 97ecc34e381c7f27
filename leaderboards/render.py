"""Shows a benchmark on the terminal and writes it as Markdown and as an HTML page."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from hetgraph.files import atomic_path
from hetgraph.leaderboards.board import Board, build_boards
from hetgraph.leaderboards.console import print_boards
from hetgraph.leaderboards.folders import Folders, find_folders
from hetgraph.leaderboards.pages import to_html, to_markdown
from hetgraph.leaderboards.record import RunRecord, read_records
from hetgraph.leaderboards.spec import Benchmark, load_benchmark

__all__ = ["load_boards", "show", "write_tables"]


def show(
    name: str | Path,
    console: Console,
    results: Path | None = None,
    write: bool = True,
) -> list[Path]:
    """Prints the tables of a benchmark and writes them.

    Args:
        name: A benchmark by name, or the path of its YAML file.
        console: Where to print.
        results: Folder of the records; see :func:`hetgraph.leaderboards.folders.find_folders`.
        write: Whether to write ``tables/<name>.md`` and ``.html`` as well.

    Returns:
        The written files.

    Raises:
        ConfigError: If the benchmark does not exist or is not valid.
        FileFormatError: If a record cannot be read.
        OutputError: If a table cannot be written.
    """
    benchmark, boards = load_boards(name, results)
    print_boards(console, benchmark, boards)
    if not write:
        return []
    written = write_tables(benchmark, boards, find_folders(results))
    for path in written:
        console.print(f"Wrote {path}", style="dim", markup=False, soft_wrap=True)
    return written


def load_boards(name: str | Path, results: Path | None = None) -> tuple[Benchmark, list[Board]]:
    """A benchmark with the tables of all its datasets."""
    benchmark = load_benchmark(name)
    return benchmark, build_boards(benchmark, _records(benchmark, find_folders(results)))


def write_tables(benchmark: Benchmark, boards: list[Board], folders: Folders) -> list[Path]:
    """Writes the Markdown file and the HTML page, each whole or not at all."""
    written = []
    texts = {".md": to_markdown(benchmark, boards), ".html": to_html(benchmark, boards)}
    for suffix, text in texts.items():
        path = folders.tables / f"{benchmark.name}{suffix}"
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _records(benchmark: Benchmark, folders: Folders) -> list[RunRecord]:
    records = read_records(folders.results, benchmark.name)
    if not records and folders.shipped is not None:
        records = read_records(folders.shipped, benchmark.name)
    return records
