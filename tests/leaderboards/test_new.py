"""`hetgraph leaderboard new`: what it writes is valid, and runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hetgraph.errors import ConfigError
from hetgraph.files import OutputError
from hetgraph.leaderboards import load_benchmark
from hetgraph.leaderboards.new import write_benchmark
from hetgraph.leaderboards.parse import parse_benchmark
from hetgraph.tasks import families

TINY = "settings: {data: {num_nodes: 200}, train: {max_epochs: 1, device: cpu}}"


@pytest.mark.parametrize("family", families())
def test_the_file_of_every_family_is_valid(tmp_path: Path, family: str) -> None:
    path = write_benchmark(tmp_path / f"my-{family}", task=family)
    benchmark = load_benchmark(path)
    assert benchmark.settings == {"task": {"kind": family}}
    assert len(benchmark.rows) >= 2
    assert benchmark.rank_by in benchmark.metrics
    (dataset,) = benchmark.datasets.values()
    assert dataset.data == "synthetic/academic"
    assert benchmark.scale == (1.0 if "regression" in family or "importance" in family else 100.0)


def test_the_examples_in_its_comments_are_valid_too(tmp_path: Path) -> None:
    path = write_benchmark(tmp_path / "mine", models=["rgcn"])
    text = path.read_text(encoding="utf-8")
    start = text.index("# sources:")
    text = text[:start] + text[start:].replace("\n# ", "\n").removeprefix("# ")
    text = text.replace("# settings:", "settings:").replace("  # - {label", "  - {label")
    path.write_text(text, encoding="utf-8")
    benchmark = parse_benchmark(path)
    assert benchmark.published[0].ours == "rgcn"
    assert benchmark.settings == {"train": {"max_epochs": 200}}
    assert benchmark.rows[1].label == "smaller"


def test_it_is_written_run_and_shown(hetgraph: Callable, tmp_path: Path) -> None:
    words = ("--model", "mlp", "--model", "rgcn")
    code, out, err = hetgraph("leaderboard", "new", "mine", *words)
    assert (code, err) == (0, "")
    assert "hetgraph leaderboard run mine.yaml" in out
    path = tmp_path / "mine.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("# settings: {train: {max_epochs: 200}}", TINY), encoding="utf-8")
    code, out, err = hetgraph(
        "leaderboard", "run", "mine.yaml", "--seeds", "1", "--results", "results"
    )
    assert code == 0, err
    assert "mlp on synthetic/academic, seed 0: Micro-F1 " in out
    assert "rgcn on synthetic/academic, seed 0: Micro-F1 " in out
    code, out, err = hetgraph("leaderboard", "show", "mine.yaml", "--results", "results")
    assert code == 0, err
    assert "│ rgcn " in out
    assert (tmp_path / "tables/mine.md").is_file()


def test_own_tables_are_run_under_the_name_of_their_folder(
    hetgraph: Callable, tmp_path: Path
) -> None:
    size = ("--users", "60", "--items", "20")
    assert hetgraph("datasets", "make", "shop", "my_shop", *size, "--clean").code == 0
    words = ("--dataset", "tables:my_shop", "--task", "tier", "--model", "rgcn")
    code, _, err = hetgraph("leaderboard", "new", "mine.yaml", *words)
    assert code == 0, err
    benchmark = load_benchmark(tmp_path / "mine.yaml")
    assert benchmark.settings == {"data": {"target": "tier"}}
    (dataset,) = benchmark.datasets.values()
    assert (dataset.name, dataset.data) == ("my_shop", "tables:my_shop")
    path = tmp_path / "mine.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "{data: {target: ", "{train: {max_epochs: 1, device: cpu}, data: {target: "
    )
    path.write_text(text, encoding="utf-8")
    code, out, err = hetgraph(
        "leaderboard", "run", "mine.yaml", "--seeds", "1", "--results", "results"
    )
    assert code == 0, err
    assert "rgcn on my_shop, seed 0: " in out


def test_mistakes_leave_no_file(hetgraph: Callable, tmp_path: Path) -> None:
    for words, message in (
        (("mine", "--model", "rgnc"), "Did you mean 'rgcn'?"),
        (("mine", "--dataset", "hgb/DBPL"), "Did you mean"),
        (("mine", "--dataset", "tables:nowhere"), "does not exist"),
        (("mine", "--dataset", "hgb/DBLP", "--dataset", "hgb/LastFM"), "hgb/LastFM is for link-"),
        (("mine", "--model", "popularity"), "is not for node-classification"),
        (("hgb-node-classification",), "choose another name"),
        (("my board",), "is not of letters"),
    ):
        code, out, err = hetgraph("leaderboard", "new", *words)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert message in err
    assert not list(tmp_path.glob("*.yaml"))


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = write_benchmark(tmp_path / "mine")
    path.write_text("edited", encoding="utf-8")
    with pytest.raises(OutputError, match="exists"):
        write_benchmark(tmp_path / "mine")
    assert path.read_text(encoding="utf-8") == "edited"
    with pytest.raises(ConfigError, match="same name"):
        write_benchmark(tmp_path / "b", [f"tables:{tmp_path}", f"parquet:{tmp_path}"])


def test_all_mistakes_of_a_file_are_lines_of_one_report(hetgraph: Callable, tmp_path: Path) -> None:
    path = write_benchmark(tmp_path / "mine")
    text = path.read_text(encoding="utf-8")
    text = text.replace("unit: percent", "unit: percnt").replace("alpha: 0.05", "alpha: high")
    path.write_text(text.replace("rank_by", "rank_bi"), encoding="utf-8")
    code, out, err = hetgraph("leaderboard", "show", "mine.yaml")
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("hetgraph: error: mine.yaml: ") for line in lines[:3])
    assert lines[3] == "hetgraph: 3 problems; mend them"
