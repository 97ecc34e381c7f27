"""Another package adds models, tasks, meta-paths, a command and a kind of target."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hetgraph.catalog.parsed_cache import read_dataset
from hetgraph.errors import ConfigError
from hetgraph.io import load_tables

ROOT = Path(__file__).parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package was built from source and installed into by pip."""
    source = tmp_path_factory.mktemp("source") / "campus"
    shutil.copytree(Path(__file__).parent / "campus", source)
    target = tmp_path_factory.mktemp("site")
    flags = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", target)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *map(str, flags), str(source)],
        check=True,
        capture_output=True,
    )
    return target


@pytest.fixture
def hetgraph(site: Path, tmp_path: Path) -> Command:
    """Runs `hetgraph WORDS...` where the package is installed."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(site), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "160"}
        return subprocess.run(
            [sys.executable, "-m", "hetgraph", *words],
            cwd=tmp_path,
            env={**environment, "HETGRAPH_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


FAST = ("--set", "train.max_epochs=30", "--set", "train.lr=0.05", "--set", "train.device=cpu")


def test_it_trains_with_both_meta_paths(hetgraph: Command, tmp_path: Path) -> None:
    paths = ("--metapath", "same_venue", "--metapath", "colleagues")
    done = hetgraph("train", "campus", *paths, *FAST, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "campus on synthetic/academic" in done.stdout
    record = json.loads((tmp_path / "run/result.json").read_text())
    assert record["config"]["model"]["metapaths"] == [
        "same_venue",  # a function
        "colleagues=author-paper-author",
    ]
    assert record["parameters"] == (3 * 16 + 1) * 12
    alone = hetgraph("train", "campus", *FAST, "--out", "alone", "--metapath", "colleagues")
    assert alone.returncode == 0, alone.stderr
    fewer = json.loads((tmp_path / "alone/result.json").read_text())
    assert record["metrics"]["test"]["micro_f1"] > fewer["metrics"]["test"]["micro_f1"] + 0.02

    explained = hetgraph("explain", "run")
    assert explained.returncode == 0, explained.stderr
    with (tmp_path / "run/relevance.csv").open(newline="") as file:
        assert [row["relation"] for row in csv.DictReader(file)] == [
            "itself",
            "same_venue",
            "colleagues",
        ]


def test_it_is_listed_and_suggested(hetgraph: Command) -> None:
    assert "│ campus " in hetgraph("models").stdout
    done = hetgraph("train", "campsu")
    assert done.returncode == 2
    assert "Did you mean 'campus'?" in done.stderr


def test_it_brings_a_command(hetgraph: Command) -> None:
    listed = hetgraph("--help")
    assert "campus-size" in listed.stdout
    assert "count the nodes of a data set" in listed.stdout
    done = hetgraph("campus-size", "synthetic/academic")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" nodes\n")
    assert hetgraph("campus-siz", "x").stderr.startswith(
        "hetgraph: error: unknown command 'campus-siz'. Did you mean 'campus-size'?"
    )


def test_a_command_that_does_not_load_is_told_and_breaks_nothing(hetgraph: Command) -> None:
    note = (
        "the command of broken cannot be used (campus.broken_cli: ModuleNotFoundError: "
        "No module named 'a_package_that_nobody_has')"
    )
    listed = hetgraph("--help")
    assert (listed.returncode, listed.stdout.count(note)) == (0, 1)
    assert note in hetgraph("broken").stderr
    fine = hetgraph("datasets", "info", "synthetic/academic")
    assert (fine.returncode, fine.stderr) == (0, "")


def test_it_lies_outside_of_this_package(site: Path) -> None:
    assert (site / "campus/model.py").is_file()
    assert not list(ROOT.glob("models/*campus*"))


TARGET = """
import sys
from dataclasses import replace
from pathlib import Path

import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.catalog.parsed_cache import read_dataset, write_dataset
from hetgraph.catalog.statistics import count_statistics
from hetgraph.data import HeteroGraph
from hetgraph.io import load_tables, save_tables
from hetgraph.registry import targets

Durations = targets.get("durations")
graph = HeteroGraph(num_nodes={"room": 5}, relations={}, name="campus")
index = torch.tensor([0, 1, 2, 4])
ended = torch.tensor([True, False, True, True])
target = Durations("room", index, torch.tensor([3.0, 0.5, 8.0, 1.0]).double(), ended, "years")
split = Split(torch.tensor([0, 1]), None, torch.tensor([4]))
labels = Labels("room", 2, index, torch.tensor([1, 0, 1, 1]))
dataset = Dataset("campus", graph, {"durations": target, "labels": labels}, {"s": split})
assert count_statistics(dataset)["ended"] == 3
assert count_statistics(dataset)["splits"]["s"]["train"] == {"nodes": 2}
assert dataset.family == "campus-duration-bands"

folder = Path(sys.argv[1])
write_dataset(dataset, folder / "own")
for format in ("parquet", "csv"):
    save_tables(dataset, folder / format, format=format)
for read, name in ((read_dataset, "own"), (load_tables, "csv"), (load_tables, "parquet")):
    found = read(folder / name)
    assert [*found.targets] == ["durations", "labels"]
    assert found.targets["durations"].unit == "years"
    assert found.targets["durations"].ended.tolist() == ended.tolist()
    assert found.splits["s"].test.tolist() == [4]
    assert found.sha256 == dataset.sha256
longer = replace(target, target=target.target + 1)
assert replace(dataset, targets=longer).sha256 != replace(dataset, targets=target).sha256

(folder / "plain" / "nodes").mkdir(parents=True)
(folder / "plain" / "nodes" / "room.csv").write_text("id,duration\\na,2\\nb,\\n")
assert load_tables(folder / "plain").targets["durations"].target.tolist() == [2.0]
"""


def test_its_kind_of_target_is_written_read_counted_and_hashed(site: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(site), str(ROOT)])
    (tmp_path / "script.py").write_text(TARGET)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(ConfigError, match="unknown kind of target 'durations'"):
        read_dataset(tmp_path / "own")  # The package is not installed here.
    with pytest.raises(ConfigError, match="unknown key 'durations'"):
        load_tables(tmp_path / "csv")


@pytest.fixture
def rooms(tmp_path: Path) -> str:
    """Tables of rooms that last the longer the larger their number; every fifth goes on."""
    folder = tmp_path / "rooms"
    (folder / "nodes").mkdir(parents=True)
    (folder / "edges").mkdir()
    rooms = [f"{n},{n},{1 + n // 30},{int(n % 5 > 0)}\n" for n in range(90)]
    (folder / "nodes/room.csv").write_text("id,size,lasted,over\n" + "".join(rooms))
    doors = [f"{n},{(n + 1) % 90},{1 + n % 3}\n" for n in range(90)]
    (folder / "edges/doors.csv").write_text("src,dst,weight\n" + "".join(doors))
    (folder / "tables.yaml").write_text(
        "nodes: {room: {file: nodes/room.csv, features: [size]}}\n"
        "edges: [{type: [room, beside, room], file: edges/doors.csv, weight: weight}]\n"
        "durations: {node_type: room, column: lasted, ended: over}\n"
    )
    return f"tables:{folder}"


@pytest.mark.parametrize("model", ["rgcn", "campus_mean"])
def test_its_tasks_are_trained_with_any_encoder(
    hetgraph: Command, rooms: str, tmp_path: Path, model: str
) -> None:
    done = hetgraph("train", model, rooms, *FAST, "--out", "run")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run/result.json").read_text())
    protocol = record["protocol"]
    assert protocol["bands"] == 3
    assert len(protocol["limits"]) == 2
    assert set(record["metrics"]["test"]) == {"loss", "accuracy", "distance"}
    assert record["metrics"]["train"]["loss"] < 0.69  # what a constant 0 gets
    told = "note: campus_mean does not read edge weights;" in done.stderr
    assert told == (model == "campus_mean")


def test_options_of_its_tasks_are_checked(hetgraph: Command, rooms: str) -> None:
    done = hetgraph("train", "rgcn", rooms, "--set", "task.bands=1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "hetgraph: error: task.bands is 1, expected at least 2."
    assert "unknown setting" in hetgraph("train", "rgcn", rooms, "--set", "task.band=2").stderr


def test_its_encoder_is_offered_for_every_family(hetgraph: Command) -> None:
    lines = hetgraph("models", "--matrix").stdout.splitlines()
    families = [cell.strip() for cell in lines[0].split("|")[3:-1]]
    cells = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines if "|" in line}
    assert "campus-duration-bands" in families
    assert [cell.strip() for cell in cells["campus_mean"]] == ["node features", *["yes"] * 9]
    column = 1 + families.index("campus-duration-bands")
    assert cells["rgcn"][column].strip() == "yes"
    assert cells["campus"][column].strip() != "yes"  # a method for one family


def test_its_encoder_gets_tasks_of_the_library(hetgraph: Command, tmp_path: Path) -> None:
    setting = ("--set", "task.kind=few-shot", "--set", "task.shots=3")
    done = hetgraph("train", "campus_mean", *setting, *FAST, "--out", "run")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run/result.json").read_text())
    assert record["metrics"]["test"]["micro_f1"] > 0.15  # twelve classes
    assert record["protocol"]["shots"] == 3
