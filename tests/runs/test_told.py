"""What a run tells before it trains."""

from __future__ import annotations

import io
from dataclasses import replace

import torch
from rich.console import Console

from hetgraph import load_dataset
from hetgraph.catalog import Dataset
from hetgraph.registry import models
from hetgraph.runs.panel import show_start
from hetgraph.runs.plan import bind_metapaths, make_plan
from hetgraph.runs.told import run_title, told_rows
from hetgraph.tasks import Task, make_task

NAME = "synthetic/academic"
CPU = torch.device("cpu")


def told(model: str, data: Dataset, task: Task, *notes: str) -> list[tuple[str, str]]:
    plan = make_plan(models.get(model), NAME)
    return [*told_rows(plan, data, task, plan.model.for_task(task, plan.config), CPU, notes)]


def test_task_classes_splits_view_device_notes_and_what_is_not_read() -> None:
    data = load_dataset(NAME, num_nodes=400)
    data = replace(data, info={**data.info, "notes": ["3 rows were left out"]})
    rows = told("rgcn", data, make_task(data), "a column tells the class")
    labels = [label for label, _ in rows]
    assert labels == ["task", "classes", "split", "view", "device", "note", "note", "note"]
    texts = [text for _, text in rows]
    assert texts[0] == "node-classification of 'author'"
    assert texts[1].startswith("12; style 0, topic 0, school 0 (")
    assert texts[1].endswith(" and 6 more")
    assert texts[2].startswith("train ")
    assert ", test " in texts[2]
    assert texts[3] == "whole graph"
    assert texts[4].startswith("cpu, ")
    assert texts[5] == "3 rows were left out"
    assert texts[6].startswith("rgcn does not read meta-paths")
    assert texts[7] == "a column tells the class"


def test_merged_metapaths_have_a_line() -> None:
    data = load_dataset(NAME, num_nodes=400)
    plan = make_plan(models.get("han"), NAME, metapaths=["APA", "author-paper-author"])
    bound, task = bind_metapaths(plan, data), make_task(data)
    rows = told_rows(bound, data, task, bound.model.for_task(task, bound.config), CPU, ())
    note = "the meta-paths 'APA' and 'author-paper-author' are equal; it is read once, as 'APA'."
    assert ("note", note) in [*rows]


def test_a_hidden_test_split_is_not_told() -> None:
    data = load_dataset(NAME, num_nodes=400)
    splits = dict(told("hgt", data, make_task(data).without_test()))["split"]
    assert "valid" in splits
    assert "test" not in splits


def test_methods_that_read_rows_say_so_and_others_that_know_nothing_do_not() -> None:
    data = load_dataset(NAME, num_nodes=400)
    task = make_task(data)
    assert dict(told("rphgnn", data, task))["view"] == "row by row, 512 samples per batch"
    assert "view" not in dict(told("higpt", data, task))


def test_a_panel_on_a_terminal_and_lines_elsewhere() -> None:
    plan = make_plan(models.get("rgcn"), NAME, seed=3)
    rows = [("task", "node-classification of '[red]user'"), ("note", "a long text " * 12)]
    for width in (60, 80, 120):
        console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
        show_start(console, run_title(plan), rows)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert text.startswith("╭─ rgcn on synthetic/academic, seed 3 ")
        assert "of '[red]user'" in text
        assert "…" not in text
        assert all(len(line) <= width for line in text.splitlines())
    console = Console(file=io.StringIO(), width=60)
    show_start(console, run_title(plan), rows)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "rgcn on synthetic/academic, seed 3"
    assert [line.rstrip() for line in lines[1:]] == [f"{k}: {text}".rstrip() for k, text in rows]
