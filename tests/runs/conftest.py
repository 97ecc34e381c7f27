from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from hetgraph.registry import models


@pytest.fixture(scope="module")
def registered_tiny(tiny: ModuleType) -> Iterator[ModuleType]:
    """The tiny model of the trainer's tests, registered under its name; one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    models.add(tiny.TinyModel)
    yield tiny
    del models._added["tiny"]
    torch.set_num_threads(before)
