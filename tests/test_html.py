"""What notebooks show: small, and names from users' data are escaped."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from hetgraph import html, load_dataset
from hetgraph.catalog import Dataset, Labels
from hetgraph.data import HeteroGraph, Relation
from hetgraph.runs.record import Record
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

EVIL = "<script>alert('x')</script>"


class Reader(HTMLParser):
    """Checks that every element is closed, and collects tags and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture
def evil() -> Dataset:
    """A graph whose names hold HTML."""
    none = torch.tensor([0, 1]), torch.tensor([1, 2])
    graph = HeteroGraph(
        num_nodes={EVIL: 1200, "b": 3},
        relations={(EVIL, f"to{EVIL}", "b"): Relation.from_edges(*none, 1200, 3)},
        name=EVIL,
    )
    labels = Labels(EVIL, 2, torch.arange(60), torch.arange(60) % 2, class_names=(EVIL, "b"))
    return Dataset(f"toy/{EVIL}", graph, labels, metapaths={EVIL: "a-b"})


def record(**changes: object) -> Record:
    values = {
        "model": "rgcn",
        "dataset": f"toy/{EVIL}",
        "config": {},
        "seed": 3,
        "data_sha256": "",
        "environment": {},
        "metrics": {"train": {"loss": 0.5, "auc": 0.75}, "test": {"loss": 0.25, "auc": None}},
        "seconds": {"fit": 2.0},
        "peak_memory_bytes": 1,
        "parameters": 1234,
        "epochs": 7,
        "out": Path("runs") / "x",
    }
    return Record(**{**values, **changes})  # type: ignore[arg-type]


def test_names_are_escaped_everywhere(evil: Dataset) -> None:
    task = make_task(evil, seeds=Seeds())
    for shown in (evil, evil.graph, evil.graph.schema, task, record()):
        source = shown._repr_html_()
        assert "<script" not in source
        read = Reader(source)
        assert EVIL in read.text
        assert read.tags <= {"div", "p", "strong", "table", "tr", "td", "th"}
        assert len(source) < 6000


def test_a_graph_shows_its_types_and_counts() -> None:
    graph = load_dataset("synthetic/academic", num_nodes=2000).graph
    text = Reader(graph._repr_html_()).text
    for part in ("author -writes> paper", f"{graph.num_edges:,}", "dense, 16", "none"):
        assert part in text
    text = Reader(graph.schema._repr_html_()).text
    assert "paper -written_by> author" in text


def test_a_task_shows_its_splits_and_hides_test_where_it_is_hidden() -> None:
    task = make_task(load_dataset("synthetic/academic", num_nodes=400), seeds=Seeds())
    assert Reader(task._repr_html_()).text.startswith("node-classification on synthetic/academic")
    size = f"test {task.index('test').numel()}"
    assert size in repr(task)
    assert "author" in repr(task)
    hidden = task.without_test()
    assert "test" not in repr(hidden)
    assert "test" not in Reader(hidden._repr_html_()).words


def test_a_record_shows_metrics_by_split() -> None:
    read = Reader(record()._repr_html_())
    for part in ("auc", "0.7500", "0.2500", "1,234", "runs/x"):
        assert part in read.text
    assert repr(record(dataset="a/b")) == "Record(rgcn on a/b, seed 3: loss 0.2500)"


def test_texts_fit_on_a_line() -> None:
    data = load_dataset("synthetic/academic", num_nodes=400)
    assert repr(data).startswith("Dataset(synthetic/academic: HeteroGraph(")
    for shown in (data, data.graph, make_task(data, seeds=Seeds()), record()):
        assert "\n" not in repr(shown)
        assert len(repr(shown)) < 200


def test_long_tables_end_and_say_so() -> None:
    source = html.table(["n"], [(n,) for n in range(1000)], right=["n"])
    read = Reader(source)
    assert source.count("<tr>") == 31
    assert "and 970 more" in read.text
    assert 'text-align:right"' in source
    assert Reader(html.facts({"a": 0, "b": "", "c": None})).words == ["a", "0"]
