"""The benchmark of defaults: what is compared, and with what."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

from hetgraph.benchmarks import defaults as bench
from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task


def test_defaults_and_the_experiment_file_are_told_apart() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    bench.run(console, quick=True)
    text = console.export_text()
    cells = [line.split("│")[1:-1] for line in text.splitlines() if "│" in line]
    rows = {row[0].strip(): row[1:] for row in cells}
    assert rows["rgcn"][1].strip() == "-"  # no experiment file
    default, tuned = (cell.strip() for cell in rows["rphgnn"][:2])
    assert default != tuned != "-"
    assert "synthetic/academic, 1 seeds, test, %" in text
    assert float(rows["chance"][0]) > 0


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (torch.tensor([0, 1, 1, 0, 1, 1, 1, 0]), 0.75),
        (torch.tensor([[1, 1], [1, 1], [1, 1], [1, 0], [1, 1], [1, 1], [1, 1], [1, 0]]), 14 / 15),
    ],
)
def test_chance_is_the_best_constant_answer(labels: torch.Tensor, expected: float) -> None:
    graph = HeteroGraph(num_nodes={"x": 8}, relations={}, features={"x": torch.ones(8, 1)})
    ids = torch.arange(8)
    split = Split(train=ids[:3], valid=ids[3:4], test=ids[4:])
    many = labels.dim() == 2
    given = Labels("x", 2, ids, labels.bool() if many else labels, multi_label=many)
    dataset = Dataset("toy/set", graph, {"labels": given}, {"fixed": split})
    task = make_task(dataset, seeds=Seeds.from_seed(0))
    assert bench.chance(task)["micro_f1"] == pytest.approx(expected)
