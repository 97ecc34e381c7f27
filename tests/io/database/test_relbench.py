"""Files in RelBench's format, as its versions 1 and 3 write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from hetgraph import load_dataset
from hetgraph.catalog.loading import load_graph
from hetgraph.errors import ConfigError, DataError, FileFormatError, UserError
from hetgraph.io.database.relbench import load_relbench

DAYS = pd.date_range("2020-01-01", periods=40, freq="D")
SEEDS = {"train": (5, 10, 15), "val": (20,), "test": (25,)}


def write(
    frame: pd.DataFrame,
    path: Path,
    keys: dict[str, str],
    primary: str | None = None,
    time: str | None = None,
    *,
    version: int = 1,
) -> None:
    """Writes a table as ``relbench.base.Table.save`` does; version 3 leaves the metadata out."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    facts = {"fkey_col_to_pkey_table": keys, "pkey_col": primary, "time_col": time}
    if version == 1:
        more = {key: json.dumps(value).encode() for key, value in facts.items()}
        table = table.replace_schema_metadata({**table.schema.metadata, **more})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def tables() -> dict[str, tuple[pd.DataFrame, dict[str, str], str | None, str | None]]:
    drivers = pd.DataFrame({"driverId": range(4), "code": list("abcd"), "height": [1.0, 2, 3, 4]})
    races = pd.DataFrame({"raceId": range(30), "date": DAYS[:30], "round": range(30)})
    results = pd.DataFrame(
        {
            "resultId": range(60),
            "raceId": [i // 2 for i in range(60)],
            "driverId": [float(i % 4) if i % 7 else None for i in range(60)],
            "points": [float(i % 5) for i in range(60)],
            "date": [DAYS[i // 2] for i in range(60)],
        }
    )
    return {
        "drivers": (drivers, {}, "driverId", None),
        "races": (races, {}, "raceId", "date"),
        "results": (results, {"raceId": "races", "driverId": "drivers"}, "resultId", "date"),
    }


@pytest.fixture
def relbench(tmp_path: Path) -> Callable[..., Path]:
    def make(version: int = 1, task: str = "wins", target: Any = None, **manifest: Any) -> Path:
        folder = tmp_path / f"rel-{version}"
        content = tables()
        for name, (frame, keys, primary, time) in content.items():
            write(frame, folder / f"db/{name}.parquet", keys, primary, time, version=version)
        make_target = target or (lambda driver, day: (driver + day) % 2)
        for split, days in SEEDS.items():
            rows = [
                (DAYS[day], driver, make_target(driver, day)) for day in days for driver in range(4)
            ]
            frame = pd.DataFrame(rows, columns=["date", "driverId", "won"])
            path = folder / f"tasks/{task}/{split}.parquet"
            write(frame, path, {"driverId": "drivers"}, None, "date", version=version)
        if version == 3:
            entries = {
                name: {"pkey": primary, "time_col": time, "fkeys": keys}
                for name, (_, keys, primary, time) in content.items()
            }
            whole = {"name": "rel", "manifest_version": 1, "val_timestamp": "2020-01-21",
                     "test_timestamp": "2020-01-26", "tables": entries}  # fmt: skip
            (folder / "manifest.yaml").write_text(yaml.safe_dump(whole))
            spec = {"name": task, "kind": "forecast", "task_type": "binary_classification",
                    "entity_table": "drivers", "entity_col": "driverId", "target_col": "won",
                    "time_col": "date", "timedelta": "5 days", "sql": "SELECT 1",
                    **manifest}  # fmt: skip
            (folder / f"tasks/{task}/manifest.yaml").write_text(yaml.safe_dump(spec))
        return folder

    return make


def test_both_versions_give_the_same(relbench: Callable[..., Path]) -> None:
    first, third = load_relbench(relbench(1)), load_relbench(relbench(3))
    assert first.graph.content_hash == third.graph.content_hash
    assert first.sha256 == third.sha256
    assert first.family == "node-classification"
    graph, labels = first.graph, first.labels
    assert labels is not None
    assert first.info["snapshots"] == [f"2020-01-{day + 1:02}" for day in (5, 10, 15, 20, 25)]
    assert graph.num_nodes["drivers"] == 5 * 4
    assert graph.num_nodes["races"] == 6 + 11 + 16 + 21 + 26
    assert "results" not in graph.num_nodes  # two keys, to which no table refers: a relation
    rows = [i for i in range(60) if i % 7]
    assert graph.relation("results").num_edges == sum(
        1 for day in (5, 10, 15, 20, 25) for i in rows if i // 2 <= day
    )
    split = first.splits["_split"]
    assert split.valid is not None
    assert [part.numel() for part in (split.train, split.valid, split.test)] == [12, 4, 4]
    ids = graph.ids["drivers"].to_pylist()
    assert {ids[int(n)] for n in split.test} == {f"{d} @ 2020-01-26" for d in range(4)}
    for node, label in zip(labels.index.tolist(), labels.target.tolist(), strict=True):
        driver, _, day = ids[node].partition(" @ ")
        assert label == (int(driver) + int(day[-2:]) - 1) % 2


def test_hidden_columns_are_not_read(relbench: Callable[..., Path]) -> None:
    folder = relbench(3, remove_columns=[["drivers", "height"], ["results", "driverId"]])
    graph = load_relbench(folder).graph
    assert graph.schema.node_types["drivers"].dim == 1  # a constant: it has no edges either
    assert graph.num_nodes["results"] > 0


def test_numbers_classes_and_lists_of_classes(relbench: Callable[..., Path]) -> None:
    numbers = load_relbench(relbench(1, target=lambda driver, day: driver + day / 10))
    assert numbers.values is not None
    assert numbers.task == "node-regression"
    classes = load_relbench(
        relbench(1, target=lambda driver, day: driver % 3), kind="labels"
    ).labels
    assert classes is not None
    assert classes.num_classes == 3
    several = load_relbench(
        relbench(1, target=lambda driver, day: [driver == 1, driver > 1, False])
    ).labels
    assert several is not None
    assert several.multi_label
    assert several.num_classes == 3
    assert several.target.sum(0).tolist() == [5, 10, 0]
    declared = load_relbench(
        relbench(3, task="position", task_type="regression", target=lambda driver, day: driver),
        "position",
    )
    assert declared.values is not None


def test_training_rows_can_be_left_out(relbench: Callable[..., Path]) -> None:
    folder = relbench(1)
    dataset = load_relbench(folder, since="2020-01-10")
    assert dataset.info["snapshots"][0] == "2020-01-11"
    assert dataset.splits["_split"].train.numel() == 8
    with pytest.raises(ConfigError, match=r"5 different times.*at most 4"):
        load_relbench(folder, snapshots=4)
    with pytest.raises(DataError, match="about the 'drivers' 0 in the same window"):
        load_relbench(folder, window="10 days")
    windows = load_relbench(folder, window="10 days", repeats="latest", snapshots=3)
    labels = windows.labels
    assert labels is not None
    ids = windows.graph.ids["drivers"].to_pylist()
    read = {ids[n]: c for n, c in zip(labels.index.tolist(), labels.target.tolist(), strict=True)}
    # Windows of ten days since 1970: the rows of day 5, of 10 and 15, of 20 and 25.
    latest = {"2019-12-30": 5, "2020-01-09": 15, "2020-01-19": 25}
    assert windows.info["snapshots"] == list(latest)
    assert read == {
        f"{driver} @ {label}": (driver + day) % 2
        for label, day in latest.items()
        for driver in range(4)
    }
    assert "8 of 20 rows are followed by a later one" in " ".join(windows.info["notes"])


def test_a_model_trains(relbench: Callable[..., Path], hetgraph: Callable[..., Any]) -> None:
    relbench(1, task="other")
    folder = relbench(1)
    fast = ("--set", "train.max_epochs=2", "--set", "train.device=cpu", "--out", "run")
    outcome = hetgraph("train", "hgt", f"relbench:{folder}", "--set", "data.target=wins", *fast)
    assert outcome.code == 0, outcome.err
    with pytest.raises(ConfigError, match="several tasks, other, wins"):
        load_dataset(f"relbench:{folder}")


def test_tasks_that_are_not_read(relbench: Callable[..., Path]) -> None:
    cases: list[tuple[dict[str, Any], type[UserError], str]] = [
        ({"version": 3, "task_type": "recommendation"}, ConfigError, "'recommendation' are not"),
        ({"version": 3, "kind": "autocomplete"}, ConfigError, "'autocomplete' are not read"),
        ({"version": 3, "entity_col": None}, FileFormatError, "entity_col is missing"),
        ({"version": 3, "target_col": "wins"}, DataError, "no column 'wins'. Did you mean 'won'"),
        ({"version": 3, "entity_table": "driver"}, DataError, "no table 'driver'.*'drivers'"),
        ({"target": lambda driver, day: list(range(driver))}, ConfigError, "differ in length"),
    ]
    for options, error, message in cases:
        with pytest.raises(error, match=message):
            load_relbench(relbench(**options))


def test_damaged_folders(relbench: Callable[..., Path], tmp_path: Path) -> None:
    folder = relbench(1)
    with pytest.raises(ConfigError, match=r"no task 'win'. Did you mean 'wins'"):
        load_relbench(folder, "win")
    (folder / "tasks/wins/val.parquet").unlink()
    with pytest.raises(FileFormatError, match=r"val\.parquet is missing or damaged"):
        load_relbench(folder)
    with pytest.raises(FileFormatError, match="has no folder db"):
        load_relbench(tmp_path)
    (tmp_path / "db").mkdir()
    with pytest.raises(FileFormatError, match="has no tasks"):
        load_relbench(tmp_path)
    folder = relbench(3)
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    manifest["tables"]["results"]["fkeys"] = {"raceId": "race"}
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(DataError, match=r"'race', which has no primary key. Did you mean 'races'"):
        load_relbench(folder)
    manifest["tables"]["results"] = {"pkey": "id"}
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(DataError, match="'results' has no column 'id'"):
        load_relbench(folder)


def test_later_rows_do_not_reach_earlier_seeds(relbench: Callable[..., Path]) -> None:
    folder = relbench(1)
    before = load_relbench(folder).graph
    path = folder / "db/results.parquet"
    table = pq.read_table(path)
    late = torch.tensor([i // 2 > 15 for i in range(60)])
    points = [99.0 if is_late else 1.0 * (i % 5) for i, is_late in enumerate(late.tolist())]
    pq.write_table(table.set_column(3, "points", pa.array(points)), path)
    after = load_relbench(folder).graph
    features = [graph.relation("results").edge_features for graph in (before, after)]
    times = before.relation("results").edges()
    days = [int(before.ids["races"].to_pylist()[int(n)][-2:]) for n in _races(before, times)]
    early = torch.tensor([day <= 16 for day in days])
    assert features[0] is not None
    assert features[1] is not None
    assert torch.equal(features[0][early], features[1][early])
    assert not torch.equal(features[0], features[1])


def _races(graph: Any, edges: tuple[torch.Tensor, torch.Tensor]) -> list[int]:
    key = graph.schema.edge_type("results")
    return edges[0 if key.src == "races" else 1].tolist()


def test_a_data_set_is_asked_as_of_its_latest_rows(
    relbench: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    folder = relbench(3, remove_columns=[["drivers", "height"]])
    trained = load_dataset(f"relbench:{folder}", target="wins").graph
    dataset = load_graph(f"relbench:{folder}", target="wins", encoders=trained.encoders)
    assert dataset.graph.schema == trained.schema
    assert dataset.graph.ids["drivers"].to_pylist() == [0, 1, 2, 3]
    assert dataset.graph.num_nodes["races"] == 30
    assert not dataset.targets
