"""What a run tells before it trains."""

from __future__ import annotations

from dataclasses import replace

from hetgraph import load_dataset
from hetgraph.registry import models
from hetgraph.runs.plan import make_plan
from hetgraph.runs.told import told_lines
from hetgraph.tasks import make_task


def test_task_classes_splits_notes_and_what_is_not_read() -> None:
    data = load_dataset("synthetic/academic", num_nodes=400)
    data = replace(data, info={**data.info, "notes": ["3 rows were left out"]})
    lines = [
        *told_lines(make_plan(models.get("rgcn"), "synthetic/academic"), data, make_task(data))
    ]
    assert lines[0].startswith("task: node-classification of 'author'; 12 classes: ")
    assert lines[0].endswith(" and 6 more")
    assert lines[1].startswith("split: train ")
    assert ", test " in lines[1]
    assert lines[2] == "note: 3 rows were left out"
    assert lines[3].startswith("note: rgcn does not read meta-paths")


def test_relations_are_named() -> None:
    data = load_dataset("synthetic/academic", num_nodes=400)
    plan = make_plan(models.get("hgt"), "synthetic/academic")
    lines = [*told_lines(plan, data, make_task(data).without_test())]
    assert "test" not in lines[1]
