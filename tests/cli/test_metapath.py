from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hetgraph.catalog.loading import load_dataset
from hetgraph.metapaths import compose


def cell(out: str, name: str, which: int = -1) -> str:
    """The value beside a name; -1 takes the last table that has it."""
    return [line for line in out.splitlines() if line.startswith(f"│ {name} ")][which].split("│")[2]


def test_estimate_count_and_preview(hetgraph: Callable) -> None:
    path = "author-paper-venue-paper-author"
    code, out, _ = hetgraph("metapath", "synthetic/academic", path)
    assert code == 0
    relation = compose(load_dataset("synthetic/academic").graph, path)
    rows, cols = relation.shape
    assert f"{rows:,} x {cols:,}" in cell(out, "size", 0)
    assert f"{rows:,} x {cols:,}" in cell(out, "size")
    assert f"{relation.nnz:,} " in cell(out, "connected pairs (nnz)")
    assert "±" in cell(out, "connected pairs (nnz)", 0)
    assert "neighbours" in out.split("seconds")[-1]


def test_names_of_the_data_set_are_known(hetgraph: Callable) -> None:
    out = hetgraph("metapath", "synthetic/academic", "APA", "--no-self-loops").out
    assert "APA: author-paper-author on synthetic/academic" in out
    assert cell(out, "self loops").strip() == "0"


def test_published_size_of_dblp(hetgraph: Callable, data_root: Path) -> None:
    path = "author-paper-venue-paper-author"
    out = hetgraph("metapath", "hgb/DBLP", path, "--root", str(data_root)).out
    assert cell(out, "size").strip() == "4,057 x 4,057"
    assert cell(out, "connected pairs (nnz)").split()[0] == "5,000,495"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("author-papr-author",), "column 8: 'papr' is not a node type. Did you mean 'paper'?"),
        (("AP",), "unknown meta-path 'AP'"),
        (("APA", "--budget", "1KB"), "needs"),
        (("APA", "--budget", "much"), "is not a size"),
        (("APA", "--weighting", "counts"), "Did you mean 'count'?"),
    ],
)
def test_mistakes_are_one_line_and_2(
    hetgraph: Callable, words: tuple[str, ...], expected: str
) -> None:
    code, _, err = hetgraph("metapath", "synthetic/academic", *words)
    assert code == 2
    assert err.count("\n") == 1
    assert expected in err.replace("would need", "needs")
