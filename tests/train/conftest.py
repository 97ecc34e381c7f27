from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import hetgraph


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    # The tensors are tiny: waking a second thread costs more than it helps.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def worker() -> tuple[list[str], dict[str, str]]:
    """Command and environment of ``worker.py`` in a process of its own."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(hetgraph.__file__).parents[1]),
    }
    return [sys.executable, str(Path(__file__).with_name("worker.py"))], environment
