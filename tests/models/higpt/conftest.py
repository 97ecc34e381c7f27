"""A small graph whose nodes have texts, and tokenizers in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import CSR, EdgeType, HeteroGraph
from hetgraph.models.higpt.descriptions import TypeVectors
from hetgraph.models.higpt.tokenizer import Tokenizer, TokenizerShape

COUNTS = {"author": 6, "paper": 8, "term": 4}
KEYS = (
    EdgeType("author", "writes", "paper"),
    EdgeType("paper", "written_by", "author"),
    EdgeType("paper", "cites", "paper"),
    EdgeType("paper", "has", "term"),
)
TOPICS = ("graph learning", "query index storage", "radio channel antenna")


@pytest.fixture
def shape() -> TokenizerShape:
    return TokenizerShape(type_dim=10, input_dim=8, dim=8, num_heads=2)


@pytest.fixture
def make() -> Callable[..., Tokenizer]:
    """Builds a tokenizer in float64 with seeded weights of a visible size."""

    def build(shape: TokenizerShape, seed: int = 0) -> Tokenizer:
        torch.manual_seed(seed)
        made = Tokenizer(shape).double()
        with torch.no_grad():
            for parameter in made.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        return made

    return build


@pytest.fixture
def toy() -> tuple[dict[str, Tensor], dict[EdgeType, CSR], TypeVectors]:
    """Vectors, relations (with parallel edges; the last node of each type is isolated), types."""
    generator = torch.Generator().manual_seed(3)

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    x = {name: draw(count, 8) for name, count in COUNTS.items()}
    relations = {}
    for key in KEYS:
        dst = torch.randint(COUNTS[key.dst] - 1, (14,), generator=generator)
        src = torch.randint(COUNTS[key.src] - 1, (14,), generator=generator)
        relations[key] = CSR.from_coo(dst, src, (COUNTS[key.dst], COUNTS[key.src]))
    types = TypeVectors({name: draw(10) for name in COUNTS}, {key: draw(10) for key in KEYS})
    return x, relations, types


@pytest.fixture
def text_dataset(random_graph: Callable[..., HeteroGraph]) -> Dataset:
    """Papers of three topics, told by their texts; authors have names, terms nothing."""
    graph = random_graph(num_nodes=40, num_edges=150)
    papers, authors = graph.num_nodes["paper"], graph.num_nodes["author"]
    graph = graph.replace(
        text={
            "paper": [f"'A_study of {TOPICS[i % 3]} number {i}'" for i in range(papers)],
            "author": [f"Person_{i}" if i % 4 else "" for i in range(authors)],
        }
    )
    ids = torch.arange(36)
    labels = Labels("paper", 3, ids, ids % 3, class_names=TOPICS)
    return Dataset("toy/text", graph, labels, {"default": Split(ids[:20], ids[20:26], ids[26:])})


@pytest.fixture
def trained(text_dataset: Dataset) -> Callable[..., Any]:
    """Fits a model on the texts for a few epochs; returns it, its task and the result."""

    def fit(**settings: Any) -> Any:
        from hetgraph.models.higpt import HiGPT, HiGPTConfig
        from hetgraph.seeds import Seeds
        from hetgraph.tasks import make_task
        from hetgraph.train import TrainConfig, Trainer

        options = settings.pop("train", {})
        seeds = Seeds.from_seed(0)
        task = make_task(text_dataset, seeds=seeds)
        torch.manual_seed(seeds.key("init"))
        model = HiGPT.for_task(task, HiGPTConfig(**settings))
        config = TrainConfig(device="cpu", **{"max_epochs": 3, "batch_size": 16, **options})
        result = Trainer(config, seeds=seeds, progress=False).fit(model, task)
        return model, task, result

    return fit
