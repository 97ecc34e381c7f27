"""Another package adds a model and meta-paths, and trains, without touching this one."""

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
    assert record["config"]["model"]["metapaths"] == ["same_venue", "colleagues"]
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


def test_it_lies_outside_of_this_package(site: Path) -> None:
    assert (site / "campus/model.py").is_file()
    assert not list(ROOT.glob("models/*campus*"))
