"""Toy graphs of both kinds, found by their names, and a cache folder for every test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hetgraph.catalog import Dataset, Labels
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError

CLASSES = 3


def two_types(name: str, seed: int, size: int = 120, dim: int = 12) -> Dataset:
    """Papers of three classes, each with authors of its own and features that tell a little."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.arange(size) % CLASSES
    authors = torch.randint(5, (size, 2), generator=generator) * CLASSES + classes[:, None]
    papers = torch.arange(size).repeat_interleave(2)
    writes = EdgeType("author", "writes", "paper")
    back = EdgeType("paper", "by", "author")
    relation = Relation.from_edges(authors.flatten(), papers, 15, size)
    features = torch.rand(size, dim, generator=generator)
    features[:, :CLASSES] += 2 * torch.eye(CLASSES)[classes]
    graph = HeteroGraph(
        num_nodes={"paper": size, "author": 15},
        relations={writes: relation, back: relation.transpose},
        features={"paper": features},
        reverses=[(writes, back)],
        name=name,
    )
    labels = Labels("paper", CLASSES, torch.arange(size), classes)
    return Dataset(name, graph, labels, metapaths={"PAP": "paper-author-paper"})


def one_type(name: str, seed: int, size: int = 120, dim: int = 9) -> Dataset:
    """Nodes of three classes, mostly linked within their class."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.arange(size) % CLASSES
    src = torch.randint(size, (4 * size,), generator=generator)
    step = CLASSES * torch.randint(size // CLASSES, (4 * size,), generator=generator)
    edge = EdgeType("node", "near", "node")
    graph = HeteroGraph(
        num_nodes={"node": size},
        relations={edge: Relation.from_edges(src, (src + step) % size, size, size)},
        features={"node": torch.rand(size, dim, generator=generator)},
        name=name,
    )
    return Dataset(name, graph, Labels("node", CLASSES, torch.arange(size), classes))


TOYS: dict[str, Callable[[], Dataset]] = {
    "toy/one": lambda: one_type("toy/one", 0),
    "toy/another": lambda: one_type("toy/another", 1),
    "toy/papers": lambda: two_types("toy/papers", 2),
    "toy/more": lambda: two_types("toy/more", 3, dim=7),
}


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Dataset]:
    """The toy graphs by name; models load them as they load any data set."""
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    made = {name: make() for name, make in TOYS.items()}

    def load(name: str) -> Dataset:
        if name not in made:
            raise ConfigError(f"unknown data set {name!r}.")
        return made[name]

    monkeypatch.setattr("hetgraph.models.gph2.sources.load_dataset", load)
    return made
