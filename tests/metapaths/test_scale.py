"""A graph of the size of OGBN-MAG: time and memory in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("scale_worker.py")
GIB = 1 << 30


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from Linux's /proc")
    folder = tmp_path_factory.mktemp("scale") / "graph"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    actual: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return actual


pytestmark = pytest.mark.slow


def test_two_million_nodes_are_built_in_time_and_memory(measured: dict[str, float]) -> None:
    assert measured["build_seconds"] < 15
    assert measured["build_peak_over_arrays"] < 3


def test_the_summary_takes_a_few_seconds(measured: dict[str, float]) -> None:
    assert measured["summary_seconds"] < 3


def test_the_hash_is_as_fast_as_the_disk(measured: dict[str, float]) -> None:
    assert measured["hash_bytes_per_second"] > 500e6


def test_a_gigabyte_is_loaded_without_a_second_copy(measured: dict[str, float]) -> None:
    assert measured["file_bytes"] > 0.9 * GIB
    # Mapped pages count as resident once they are checked; a copy would double them.
    assert measured["load_peak_over_file"] < 1.3
    assert measured["load_private_over_file"] < 0.3
    assert measured["load_seconds"] < 10
