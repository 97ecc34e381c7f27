"""What `hetgraph bench models` trains: models on graphs, prepared for both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch

from hetgraph.catalog import Dataset
from hetgraph.catalog.loading import load_dataset
from hetgraph.methods import Method, Registered
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.settings import config_from_dict
from hetgraph.tasks import Task, make_task
from hetgraph.train import TrainConfig
from hetgraph.train.optimizer import make_optimizer

__all__ = [
    "GATHER",
    "IMPORTANCE",
    "PRODUCTS",
    "PURCHASES",
    "QUICK",
    "REAL",
    "SETTINGS",
    "SYNTHETIC",
    "TINY",
    "Case",
    "Graph",
    "make_ours",
    "make_peer",
]

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "rgcn": {"hidden_dim": 64, "num_layers": 2},
    # PyG's layer does not normalise.
    "hgt": {"hidden_dim": 64, "num_layers": 2, "num_heads": 8, "norm": False, "dropout": 0.2},
    # Fixed by PyG's layer: ReLU, the dim of the semantic attention, no dropout on features, all
    # neighbours.
    "han": {
        "hidden_dim": 8,
        "num_heads": 8,
        "semantic_dim": 64,
        "activation": "relu",
        "dropout": 0.0,
        "max_neighbors": None,
    },
    "latte": {"hidden_dim": 64, "num_heads": 2, "num_orders": 2},
}
ACADEMIC = "synthetic/academic"
METAPATHS: Mapping[str, tuple[str, ...]] = {
    "hgb/ACM": ("paper-author-paper", "paper-subject-paper"),
    "hgb/DBLP": ("author-paper-author", "author-paper-venue-paper-author"),
    "hgb/IMDB": ("movie-director-movie", "movie-actor-movie", "movie-keyword-movie"),
    ACADEMIC: ("author-paper-author", "author-paper-author-paper-author"),
}


@dataclass(frozen=True)
class Graph:
    """A data set by name and options, so that it is small enough to send to another process."""

    dataset: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        edges = self.options.get("num_edges")
        return self.dataset if edges is None else f"{self.dataset} {edges / 1000:g} k"

    def load(self) -> Dataset:
        """Loads or generates the data set."""
        return load_dataset(self.dataset, **self.options)


REAL = tuple(Graph(name) for name in METAPATHS if name != ACADEMIC)
SYNTHETIC = (
    Graph(ACADEMIC, {"num_nodes": 19_600, "num_edges": 100_000}),
    Graph(ACADEMIC, {"num_nodes": 196_000, "num_edges": 1_000_000}),
)
QUICK = Graph(ACADEMIC, {"num_nodes": 1_000, "num_edges": 5_100})
TINY = Graph(ACADEMIC, {"num_nodes": 400, "num_edges": 2_000})


@dataclass(frozen=True)
class Case:
    """A model on a graph.

    Args:
        model: Name of the model.
        graph: What it is trained on.
        settings: Fields of its configuration except meta-paths; other fields keep their defaults.
    """

    model: str
    graph: Graph
    settings: Mapping[str, Any]

    @property
    def tiny(self) -> Case:
        """Returns the same model on a tiny graph, for the warm-up.

        For other tasks there is no tiny graph: their models warm up on their own graph.
        """
        return self if self in (PURCHASES, IMPORTANCE) else replace(self, graph=TINY)

    def config(self) -> Any:
        """Returns the configuration that both sides use."""
        cls = models.get(self.model).Config
        settings = dict(self.settings)
        if any(option.name == "metapaths" for option in fields(cls)):
            settings["metapaths"] = METAPATHS.get(self.graph.dataset, ())
        return config_from_dict(cls, settings)

    def task(self) -> Task:
        """Loads the graph and returns its task."""
        return make_task(self.graph.load(), seeds=Seeds())


PRODUCTS = Case(
    "latte",
    Graph("gtn/DBLP", {"terms": True}),
    {
        "num_orders": 2,
        "hidden_dim": 128,
        "weighting": "pattern",
        "factorize": False,
        "scope": "all",
    },
)
"""All products composed. Two of them have 16 M and 20 M entries: papers at the same conference, and
papers with a common term."""


PURCHASES = Case(
    "diffgraph",
    Graph("diffgraph/retail_rocket"),
    {"num_layers": 2, "feed": "raw", "noise_scale": 1e-4, "denoiser_dropout": 0.0},
)
"""DiffGraph's recommender with the settings of the official implementation."""
IMPORTANCE = Case("metahgnie", Graph("nie/FB15k"), {"num_heads": 16})
"""MetaHGNIE with the number of heads of its ablations, on the released partition."""
GATHER = "gather and scatter"


def make_ours(case: Case) -> Callable[[], None]:
    """Prepares our model; returns a function that trains one epoch."""
    task = case.task()
    torch.manual_seed(0)
    return _epoch_of(models.get(case.model).for_task(task, case.config()), task)


def _epoch_of(model: Method, task: Task) -> Callable[[], None]:
    inputs = model.prepare(task, seeds=Seeds())
    optimizer = make_optimizer(model, TrainConfig())
    stage = model.stages()[0]
    everything = task.index("train").numel()
    generator = torch.Generator().manual_seed(0)

    def epoch() -> None:
        for batch in model.batches(
            inputs, "train", stage=stage, batch_size=everything, generator=generator
        ):
            optimizer.zero_grad()
            torch.autograd.backward(model.training_step(batch, stage=stage).total)
            optimizer.step()

    model.train()
    return epoch


def _gathering(case: Case) -> type[Registered]:
    """Returns the same model written as its formulas, with gather-scatter message passing."""
    if case.model == "metahgnie":
        from hetgraph.benchmarks._gather_metahgnie import GatherMetaHGNIE

        return GatherMetaHGNIE
    from hetgraph.benchmarks._gather_diffgraph import GatherDiffGraph

    return GatherDiffGraph


def make_peer(case: Case, way: str) -> Callable[[], None]:
    """Prepares the model in PyG; returns a function that trains one epoch."""
    from hetgraph.benchmarks._pyg_models import PEERS, make_epoch

    if way == GATHER:
        task = case.task()
        torch.manual_seed(0)
        return _epoch_of(_gathering(case).for_task(task, case.config()), task)
    task = case.task()
    torch.manual_seed(0)
    return make_epoch(PEERS[case.model][way], task, case.config())
