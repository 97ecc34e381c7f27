"""Heads of the stages: the interface, and the classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hetgraph.data import HeteroGraph, Schema
from hetgraph.methods import Loss, Stage
from hetgraph.models.higpt.config import HiGPTConfig
from hetgraph.models.higpt.corpus import Corpus
from hetgraph.models.higpt.tokenizer import Tokenizer
from hetgraph.nn import Dropout, choose_loss
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["ClassifierHead", "HiGPTInputs", "StageHead", "tokens_of"]


@dataclass(frozen=True, eq=False)
class HiGPTInputs:
    """Inputs of the stages.

    Args:
        corpus: The graph as the tokenizer reads it.
        labels: Labels of all target nodes; hidden ones are -1.
        rows: Node ids of each split.
        class_names: Classes in words; empty if unknown.
        class_vectors: ``[num_classes, input_dim]`` of these words; ``None`` if unknown.
        graph: The graph itself, for its texts.
        tokens: ``[num_nodes, dim]`` by type, where the tokenizer is frozen.
        extra: Additional inputs of one stage.
    """

    corpus: Corpus
    labels: Tensor
    rows: Mapping[str, Tensor]
    class_names: tuple[str, ...]
    class_vectors: Tensor | None
    graph: HeteroGraph
    tokens: Mapping[str, Tensor] | None = None
    extra: Any = None


def tokens_of(
    tokenizer: Tokenizer, inputs: HiGPTInputs, outputs: tuple[str, ...] | None = None
) -> Mapping[str, Tensor]:
    """Returns the tokens of a whole graph, stored ones if there are any."""
    if inputs.tokens is not None:
        return inputs.tokens
    corpus = inputs.corpus
    weights = tokenizer.weights(corpus.types)
    made: Mapping[str, Tensor] = tokenizer(corpus.x, corpus.relations, weights, outputs=outputs)
    return made


class StageHead(nn.Module, ABC):
    """The component of the model for one stage: batches, loss, predictions.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    trains_tokenizer = True

    def __init__(self, schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> None:
        super().__init__()
        self.schema, self.spec, self.config = schema, spec, config

    @abstractmethod
    def stage(self) -> Stage | None:
        """Returns the stage; ``None`` if nothing is trained."""

    def prepare(
        self, inputs: HiGPTInputs, tokenizer: Tokenizer, task: Task, seeds: Seeds
    ) -> HiGPTInputs:
        """Returns the inputs with the additional inputs of the stage."""
        return inputs

    @abstractmethod
    def batches(
        self,
        inputs: HiGPTInputs,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None,
        shard: tuple[int, int],
    ) -> Iterator[Any]:
        """Yields the batches of an epoch."""

    @abstractmethod
    def step(self, tokenizer: Tokenizer, batch: Any) -> Loss:
        """Returns the loss of a batch."""

    @abstractmethod
    def predict(self, tokenizer: Tokenizer, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_outputs]`` logits."""


class ClassifierHead(StageHead):
    """A linear classifier of the tokens of the target."""

    def __init__(self, schema: Schema, spec: TaskSpec, config: HiGPTConfig) -> None:
        super().__init__(schema, spec, config)
        self.trains_tokenizer = not config.freeze
        self.drop = Dropout(config.dropout)
        self.classify = nn.Linear(config.dim, spec.num_outputs)
        self.loss = choose_loss("auto", multi_label=spec.multi_label)

    def stage(self) -> Stage:
        """Returns one stage, with validation."""
        return Stage()

    def prepare(
        self, inputs: HiGPTInputs, tokenizer: Tokenizer, task: Task, seeds: Seeds
    ) -> HiGPTInputs:
        """Computes the tokens once if the tokenizer is frozen."""
        if self.trains_tokenizer:
            return inputs
        with torch.no_grad():
            return replace(inputs, tokens=tokens_of(tokenizer, inputs, (self.spec.target,)))

    def batches(
        self,
        inputs: HiGPTInputs,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None,
        shard: tuple[int, int],
    ) -> Iterator[tuple[HiGPTInputs, Tensor]]:
        """Yields target nodes; each batch needs one pass over the graph."""
        rows = inputs.rows[split]
        for chosen in row_batches(rows, batch_size, generator=generator, shard=shard):
            yield inputs, chosen

    def step(self, tokenizer: Tokenizer, batch: tuple[HiGPTInputs, Tensor]) -> Loss:
        """Returns the loss on the labels of the batch."""
        inputs, rows = batch
        logits = self._logits(tokenizer, inputs)[rows].float()
        if not rows.numel():
            return Loss({"task": logits.sum() * 0}, 0)
        return Loss({"task": self.loss(logits, inputs.labels[rows])}, rows.numel())

    def predict(self, tokenizer: Tokenizer, inputs: HiGPTInputs, split: str) -> Tensor:
        """Returns logits of the classifier."""
        return self._logits(tokenizer, inputs)[inputs.rows[split]]

    def _logits(self, tokenizer: Tokenizer, inputs: HiGPTInputs) -> Tensor:
        target = self.spec.target
        logits: Tensor = self.classify(self.drop(tokens_of(tokenizer, inputs, (target,))[target]))
        return logits
