"""Small graphs with three types, and dense forms of their relations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.methods import EncoderMethod, MethodInputs
from hetgraph.models.latte import LATTE, LATTEConfig
from hetgraph.models.latte.inputs import LATTEInputs
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

COUNTS = {"author": 9, "paper": 14, "venue": 4}


@pytest.fixture
def make_graph() -> Callable[..., HeteroGraph]:
    """Factory of graphs with reverses; the last node of every type is isolated.

    Weights are drawn between 0.5 and 4, every fifth is 0.
    """

    def build(seed: int = 0, *, features: bool = True, weighted: bool = False) -> HeteroGraph:
        generator = torch.Generator().manual_seed(seed)

        def relation(src: str, dst: str, edges: int) -> Relation:
            cells = (COUNTS[src] - 1) * (COUNTS[dst] - 1)
            chosen = torch.randperm(cells, generator=generator)[:edges]
            columns = COUNTS[dst] - 1
            ends = chosen // columns, chosen % columns
            weight = None
            if weighted:
                weight = 0.5 + 3.5 * torch.rand(edges, generator=generator)
                weight[::5] = 0
            return Relation.from_edges(*ends, COUNTS[src], COUNTS[dst], weight=weight)

        writes, held = relation("author", "paper", 24), relation("paper", "venue", 15)
        kinds = [
            EdgeType("author", "writes", "paper"),
            EdgeType("paper", "written_by", "author"),
            EdgeType("paper", "published_at", "venue"),
            EdgeType("venue", "publishes", "paper"),
        ]
        return HeteroGraph(
            num_nodes=COUNTS,
            relations=dict(
                zip(kinds, [writes, writes.transpose, held, held.transpose], strict=True)
            ),
            features={
                name: torch.randn(COUNTS[name], dim, generator=generator)
                for name, dim in (("author", 5), ("paper", 6), ("venue", 3))
                if features
            },
            reverses=[(kinds[0], kinds[1]), (kinds[2], kinds[3])],
            name="small",
        )

    return build


@pytest.fixture
def make_method() -> Callable[..., tuple[EncoderMethod, MethodInputs, Task]]:
    """Factory of a model with the inputs of a task: four papers for each split, two left."""

    def build(graph: HeteroGraph, **settings: object) -> tuple[EncoderMethod, MethodInputs, Task]:
        config = LATTEConfig(**{"hidden_dim": 8, **settings})
        labels = Labels("paper", 2, torch.arange(12), torch.arange(12) % 2)
        split = Split(*torch.arange(12).split(4))
        task = make_task(Dataset("toy/small", graph, labels, {"default": split}))
        torch.manual_seed(3)
        model = LATTE.for_task(task, config)
        return model.eval(), model.prepare(task, seeds=Seeds()), task

    return build


@pytest.fixture
def make_run(
    make_method: Callable[..., tuple[EncoderMethod, MethodInputs, Task]],
) -> Callable[..., tuple[LATTE, LATTEInputs, Task]]:
    """Factory of the encoder of such a model, with its own inputs."""

    def build(graph: HeteroGraph, **settings: object) -> tuple[LATTE, LATTEInputs, Task]:
        model, inputs, task = make_method(graph, **settings)
        assert isinstance(model.encoder, LATTE)
        return model.encoder, inputs.encoder, task

    return build


@pytest.fixture
def binary() -> Callable[..., CSR]:
    """Factory of random 0/1 matrices."""

    def build(rows: int, cols: int, density: float = 0.4, seed: int = 0) -> CSR:
        generator = torch.Generator().manual_seed(seed)
        dense: Tensor = torch.rand(rows, cols, generator=generator) < density
        return CSR.from_dense(dense.float())

    return build
