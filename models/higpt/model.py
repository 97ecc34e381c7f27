"""HiGPT as a method: a tokenizer, and the head of the stage that is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data import EdgeType, HeteroGraph, Schema
from hetgraph.features import embed_texts, make_encoder
from hetgraph.features.encoder import encoder_packages
from hetgraph.methods import (
    OPTIMIZER_SPACE,
    Loss,
    Method,
    NodePredictions,
    RelevanceRow,
    Stage,
    arriving_label,
)
from hetgraph.models.higpt.config import HiGPTConfig, language_packages
from hetgraph.models.higpt.corpus import make_corpus
from hetgraph.models.higpt.descriptions import words
from hetgraph.models.higpt.grounding import GroundingHead
from hetgraph.models.higpt.heads import ClassifierHead, HiGPTInputs, StageHead, tokens_of
from hetgraph.models.higpt.pretrained import pretrained_tokenizer
from hetgraph.models.higpt.start import load_start
from hetgraph.models.higpt.tokenizer import Tokenizer, TokenizerShape
from hetgraph.optional import Package
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["HiGPT"]

_RELEASED_DIM = 768
"""Dim of the published vectors of types."""


class HiGPT(Method):
    """Tokens of nodes, computed with weights generated from descriptions of their types.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "higpt"
    Config: ClassVar[type[Any]] = HiGPTConfig
    purpose: ClassVar[str] = "it scores the classes of nodes by their texts and tokens."
    uses: ClassVar[frozenset[str]] = frozenset({"features", "text"})
    without_features: ClassVar[str] = "the vector of its text or type"
    citation: ClassVar[str] = (
        "Tang, Yang, Wei, Shi, Xia, Yin, Huang. HiGPT: Heterogeneous Graph Language Model. "
        "KDD 2024. arXiv:2402.16024"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "dim": [64, 128, 256],
        "num_layers": [1, 2],
        "rank": [4, 16],
        "dropout": {"low": 0.0, "high": 0.7},
    }

    config: HiGPTConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns texts, and the features of types without; ``inputs: features`` reads no text."""
        if config.inputs == "features":
            return frozenset({"features"})
        featured = any(name not in graph.text for name in graph.features)
        return cls.uses if featured else cls.uses - {"features"}

    @classmethod
    def packages(cls, config: Any) -> tuple[Package, ...]:
        """Returns those of the text encoder and, in stages that have one, the language model."""
        speaks = config.stage in ("matching", "instructions")
        language = language_packages(config.language) if speaks else ()
        return (*encoder_packages(config.encoder), *language)

    def __init__(self, schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> None:
        super().__init__(schema, spec, config)
        text_dim = make_encoder(config.encoder).dim
        shape = TokenizerShape(
            type_dim=_RELEASED_DIM if config.type_vectors else text_dim,
            input_dim=text_dim,
            dim=config.dim,
            num_heads=config.num_heads,
            num_layers=config.num_layers,
            generator=config.generator,
            rank=config.rank,
            activation=config.activation,
            norm=config.norm,
            gate=config.gate,
            compat=config.compat,
        )
        self.tokenizer = Tokenizer(shape)
        self.head: StageHead = _head(schema, spec, config)
        self.tokenizer.requires_grad_(self.head.trains_tokenizer)

    @classmethod
    def for_task(cls, task: Task, config: Any) -> Method:
        """Builds the model and copies the weights of the run or of the sources that it starts from.

        Raises:
            ConfigError: If the model is for other families of tasks, or the run does not fit.
        """
        model = super().for_task(task, config)
        if config.start:
            load_start(model, Path(config.start).expanduser())
        elif config.sources and config.stage != "tokenizer":
            load_start(model, pretrained_tokenizer(cls, config))
        return model

    def stages(self) -> tuple[Stage, ...]:
        """Returns the stage of the configuration; none if everything is frozen."""
        stage = self.head.stage()
        return () if stage is None else (stage,)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> HiGPTInputs:
        """Encodes texts, types and classes; the vectors are cached across runs."""
        self.check(task)
        encoder, device = make_encoder(self.config.encoder), self.device
        names = self.config.class_names or tuple(getattr(task, "class_names", ()))
        vectors = None
        if names:
            texts = [words(name) for name in names]
            vectors = embed_texts(texts, encoder, progress=False).to(device)
        inputs = HiGPTInputs(
            corpus=make_corpus(task.graph, encoder, self.config).to(device),
            labels=task.labels.to(device),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
            class_names=names,
            class_vectors=vectors,
            graph=task.graph,
        )
        return self.head.prepare(inputs, self.tokenizer, task, seeds)

    def batches(
        self,
        inputs: HiGPTInputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Any]:
        """Yields the batches of the stage."""
        yield from self.head.batches(
            inputs, split, batch_size=batch_size, generator=generator, shard=shard
        )

    def training_step(self, batch: Any, *, stage: Stage) -> Loss:
        """Returns the loss of the stage."""
        return self.head.step(self.tokenizer, batch)

    def predict(self, inputs: HiGPTInputs, split: str) -> NodePredictions:
        """Returns ``[num_nodes of the split, num_outputs]`` logits of the stage."""
        return NodePredictions(self.head.predict(self.tokenizer, inputs, split))

    def embed(self, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns the tokens ``[num_nodes of the split, dim]`` of the target."""
        target = self.spec.target
        return tokens_of(self.tokenizer, inputs, (target,))[target][inputs.rows[split]]

    def relevance(self, inputs: HiGPTInputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the attention of each node type to each relation, per layer."""
        fractions: list[dict[EdgeType, Tensor]] = []
        corpus = inputs.corpus
        with torch.no_grad():
            weights = self.tokenizer.weights(corpus.types)
            self.tokenizer(corpus.x, corpus.relations, weights, fractions=fractions)
        rows = []
        for order, table in enumerate(fractions):
            for relation, attention in table.items():
                target = relation.dst
                name = arriving_label(relation, target, self.schema)
                total = torch.stack([v for key, v in table.items() if key.dst == target]).sum(0)
                attends = total.mean(1) > 0.5  # it is 1, or 0 without neighbours
                groups: dict[int | None, Tensor] = {None: attends}
                if classes is not None and target == self.spec.target:
                    for label in sorted(set(classes[classes >= 0].tolist())):
                        groups[label] = attends & (classes == label)
                for group, nodes in groups.items():
                    if bool(nodes.any()):
                        own = attention[nodes].mean(1)
                        mean, std = float(own.mean()), float(own.std(correction=0))
                        rows.append(RelevanceRow(target, name, order, mean, std, group))
        return rows


def _head(schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> StageHead:
    if config.stage == "classify":
        return ClassifierHead(schema, spec, config)
    if config.stage == "tokenizer":
        return GroundingHead(schema, spec, config)
    # Imported here, because it needs the extra `llm`.
    from hetgraph.models.higpt.language_head import LanguageHead

    return LanguageHead(schema, spec, config)
