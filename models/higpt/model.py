"""HiGPT under the common contract: a tokenizer, and the head of the stage that is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data import EdgeType, Schema
from hetgraph.features import embed_texts, make_encoder
from hetgraph.methods import Loss, Method, RelevanceRow, Stage
from hetgraph.models.higpt.config import HiGPTConfig
from hetgraph.models.higpt.corpus import make_corpus
from hetgraph.models.higpt.descriptions import words
from hetgraph.models.higpt.grounding import GroundingHead
from hetgraph.models.higpt.heads import ClassifierHead, HiGPTInputs, StageHead, tokens_of
from hetgraph.models.higpt.pretrained import pretrained_tokenizer
from hetgraph.models.higpt.start import load_start
from hetgraph.models.higpt.tokenizer import Tokenizer, TokenizerShape
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["HiGPT"]

_RELEASED_DIM = 768
"""Width of the vectors of types that the authors publish."""


class HiGPT(Method):
    """Tokens of nodes from weights that descriptions of their types generate.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "higpt"
    Config: ClassVar[type[Any]] = HiGPTConfig
    citation: ClassVar[str] = (
        "Tang, Yang, Wei, Shi, Xia, Yin, Huang. HiGPT: Heterogeneous Graph Language Model. "
        "KDD 2024. arXiv:2402.16024"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        "dim": [64, 128, 256],
        "num_layers": [1, 2],
        "rank": [4, 16],
        "dropout": {"low": 0.0, "high": 0.7},
    }

    config: HiGPTConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> None:
        super().__init__(schema, spec, config)
        width = make_encoder(config.encoder).dim
        shape = TokenizerShape(
            type_dim=_RELEASED_DIM if config.type_vectors else width,
            input_dim=width,
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
        """Builds the model, and takes the weights of the run or the sources that it begins with.

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
        """Returns the one stage of the configuration; none if all is frozen."""
        stage = self.head.stage()
        return () if stage is None else (stage,)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> HiGPTInputs:
        """Encodes texts, types and classes, once and for all runs."""
        self.check(task)
        encoder, device = make_encoder(self.config.encoder), self.device
        names = self.config.class_names or tuple(getattr(task, "class_names", ()))
        vectors = None
        if names:
            said = [words(one) for one in names]
            vectors = embed_texts(said, encoder, progress=False).to(device)
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
        """Yields what the stage trains on."""
        yield from self.head.batches(
            inputs, split, batch_size=batch_size, generator=generator, shard=shard
        )

    def training_step(self, batch: Any, *, stage: Stage) -> Loss:
        """Returns the loss of the stage."""
        return self.head.step(self.tokenizer, batch)

    def predict(self, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_outputs]`` logits of the stage's own kind."""
        return self.head.predict(self.tokenizer, inputs, split)

    def embed(self, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns the tokens ``[num_nodes of the split, dim]`` of the target."""
        target = self.spec.target
        return tokens_of(self.tokenizer, inputs, (target,))[target][inputs.rows[split]]

    def relevance(self, inputs: HiGPTInputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the attention that the nodes of a type give to each relation, by layer."""
        shares: list[dict[EdgeType, Tensor]] = []
        corpus = inputs.corpus
        with torch.no_grad():
            weights = self.tokenizer.weights(corpus.types)
            self.tokenizer(corpus.x, corpus.relations, weights, shares=shares)
        rows = []
        for order, table in enumerate(shares):
            for one, split in table.items():
                total = torch.stack([v for k, v in table.items() if k.dst == one.dst]).sum(0)
                attends = total.mean(1) > 0.5  # one, or zero without neighbours
                groups: dict[int | None, Tensor] = {None: attends}
                if classes is not None and one.dst == self.spec.target:
                    for label in sorted(set(classes[classes >= 0].tolist())):
                        groups[label] = attends & (classes == label)
                for group, nodes in groups.items():
                    if bool(nodes.any()):
                        own = split[nodes].mean(1)
                        mean, std = float(own.mean()), float(own.std(correction=0))
                        rows.append(RelevanceRow(one.dst, str(one), order, mean, std, group))
        return rows


def _head(schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> StageHead:
    if config.stage == "classify":
        return ClassifierHead(schema, spec, config)
    if config.stage == "tokenizer":
        return GroundingHead(schema, spec, config)
    from hetgraph.models.higpt.talk import LanguageHead  # the extra `llm` is asked for there

    return LanguageHead(schema, spec, config)
