from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.registry import models

USERS, ITEMS = 24, 60


@pytest.fixture(scope="module")
def registered_tiny(tiny: ModuleType) -> Iterator[ModuleType]:
    """The tiny model of the trainer's tests, registered under its name; one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    models.add(tiny.TinyModel)
    yield tiny
    del models._added["tiny"]
    torch.set_num_threads(before)


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeteroGraph:
    """Users with texts as ids who buy and view items with numbers as ids; caches of its own."""
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    generator = torch.Generator().manual_seed(1)
    relations = {}
    for name in ("buys", "views"):
        ends = [torch.randint(size, (120,), generator=generator) for size in (USERS, ITEMS)]
        relations[EdgeType("user", name, "item")] = Relation.from_edges(
            *torch.stack(ends).unique(dim=1), USERS, ITEMS
        )
    sizes = {"user": USERS, "item": ITEMS}
    return HeteroGraph(
        num_nodes=sizes,
        relations=relations,
        features={name: torch.randn(n, 4, generator=generator) for name, n in sizes.items()},
        ids={"user": [f"u{i}" for i in range(USERS)], "item": list(range(100, 100 + ITEMS))},
    ).with_reverses()
