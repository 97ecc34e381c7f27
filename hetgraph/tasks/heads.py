"""The part of a model that belongs to the task: batches of samples, decoder, loss, predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from torch import Tensor, nn

from hetgraph.nn.losses import LossFunction
from hetgraph.sampling import row_batches
from hetgraph.tasks.predictions import NodePredictions, Predictions
from hetgraph.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from hetgraph.tasks.base import Task

__all__ = ["EncodeNodes", "EncoderFacts", "Head", "NodeHead", "NodeSamples", "Samples", "Seeds"]

Seeds = Mapping[str, Tensor | None]
"""Ids of the nodes whose vectors are needed, by type; ``None`` stands for all of a type."""

EncodeNodes = Callable[[Seeds], Iterator[Mapping[str, Tensor]]]
"""Yields the vectors of seeds in blocks of rows, in the order of the seeds."""

Vectors = Mapping[str, Tensor]
Known = TypeVar("Known")


@dataclass(frozen=True)
class EncoderFacts:
    """What a head must know of the encoder it is joined with.

    Args:
        dim: Dimension of its vectors.
        makes_outputs: Whether its vectors are the outputs of a node task already.
        all_nodes: Whether it computes all nodes of a type in every pass, so that naming some of
            them saves nothing.
        decoder: Makes the map from its vectors to a number of outputs.
        pair_decoder: How it prefers pairs to be scored.
        loss: Name of the loss that it asks for.
        mean_of: Whether the sum of a batch's losses is divided by its samples, or by the batch
            size that was asked for, also where the last batch is smaller.
    """

    dim: int
    makes_outputs: bool
    all_nodes: bool
    decoder: Callable[[int], nn.Module]
    pair_decoder: str = "distmult"
    loss: str = "auto"
    mean_of: str = "samples"


@dataclass(eq=False)
class Samples:
    """The samples of a batch, and whose vectors they need.

    Args:
        seeds: Nodes by type.
        count: Number of samples.
        size: Number of samples of a full batch.
    """

    seeds: Seeds
    count: int
    size: int


@dataclass(eq=False)
class NodeSamples(Samples):
    """Nodes of the target type, and their labels."""

    labels: Tensor


S = TypeVar("S", bound=Samples)


class Head(nn.Module, ABC, Generic[Known, S]):
    """Joins an encoder with a family of tasks; it owns decoder and loss.

    Args:
        spec: What is to be predicted.
        encoder: Facts about the encoder.
    """

    def __init__(self, spec: TaskSpec, encoder: EncoderFacts) -> None:
        super().__init__()
        self.spec = spec
        self.facts = encoder

    @abstractmethod
    def prepare(self, task: Task, device: torch.device) -> Known:
        """Brings what the head may know of the task to a device: labels, ids, samplers."""

    def asked(self, question: Task, device: torch.device) -> Known:
        """Brings what is needed to answer to a device; what is learned from is not there."""
        return self.prepare(question, device)

    @abstractmethod
    def batches(
        self,
        known: Known,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[S]:
        """Yields the samples of one epoch, lazily."""

    @abstractmethod
    def losses(self, known: Known, vectors: Vectors, samples: S) -> dict[str, Tensor]:
        """Returns the terms of the task's loss, each a mean over the samples."""

    @abstractmethod
    def predict(self, known: Known, encode: EncodeNodes, split: str) -> Predictions:
        """Returns what is said of the samples of a split."""

    @abstractmethod
    def embed(self, known: Known, encode: EncodeNodes, split: str) -> Tensor:
        """Returns ``[num_samples, dim]`` vectors of the samples of a split."""


@dataclass(eq=False)
class NodeKnown:
    """What the head of a node task knows.

    Args:
        labels: Labels of all target nodes; hidden ones are marked.
        rows: Node ids of each split, in the order of the task.
        criterion: The mean loss.
        offset: What is added to every prediction: the mean of the training labels where these are
            numbers. Starting from 0, the first epochs would learn nothing else.
    """

    labels: Tensor
    rows: Mapping[str, Tensor]
    criterion: LossFunction
    offset: float = 0.0


class NodeHead(Head[NodeKnown, NodeSamples]):
    """Classes or numbers of the nodes of one type, by a map of their vectors."""

    def __init__(self, spec: TaskSpec, encoder: EncoderFacts) -> None:
        super().__init__(spec, encoder)
        self.decoder: nn.Module = (
            nn.Identity() if encoder.makes_outputs else encoder.decoder(spec.num_outputs)
        )

    def prepare(self, task: Task, device: torch.device) -> NodeKnown:
        """Brings labels and ids to the device."""
        return NodeKnown(
            labels=task.labels.to(device),
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
            criterion=task.criterion(self.facts.loss),
            offset=self.offset(task),
        )

    def offset(self, task: Task) -> float:
        """Returns what is added to every prediction."""
        return 0.0

    def batches(
        self,
        known: NodeKnown,
        split: str,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[NodeSamples]:
        """Yields target nodes in batches."""
        rows = known.rows[split]
        for ids in row_batches(rows, batch_size, generator=generator, shard=shard):
            seeds = {self.spec.target: ids}
            yield NodeSamples(seeds, ids.numel(), batch_size, known.labels[ids])

    def losses(self, known: NodeKnown, vectors: Vectors, samples: NodeSamples) -> dict[str, Tensor]:
        """Returns the loss on the nodes of the batch; 0 for an empty one."""
        outputs = self.outputs(known, vectors[self.spec.target]).float()
        if not samples.count:
            return {"task": outputs.sum() * 0}
        return {"task": known.criterion(outputs, samples.labels)}

    def outputs(self, known: NodeKnown, vectors: Tensor) -> Tensor:
        """Returns the ``[n, num_outputs]`` predictions by ``[n, dim]`` vectors."""
        outputs: Tensor = self.decoder(vectors)
        return outputs + known.offset if known.offset else outputs

    def predict(self, known: NodeKnown, encode: EncodeNodes, split: str) -> NodePredictions:
        """Returns one row per node of the split, in the order of the task."""
        target = self.spec.target
        blocks = [
            self.outputs(known, vectors[target]) for vectors in encode({target: known.rows[split]})
        ]
        return NodePredictions(torch.cat(blocks))

    def embed(self, known: NodeKnown, encode: EncodeNodes, split: str) -> Tensor:
        """Returns the vectors of the nodes of the split."""
        return concatenated(encode({self.spec.target: known.rows[split]}))[self.spec.target]


def concatenated(blocks: Iterator[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Returns the vectors of all blocks by type, ``[num_seeds, dim]``."""
    parts: dict[str, list[Tensor]] = {}
    for block in blocks:
        for name, vectors in block.items():
            parts.setdefault(name, []).append(vectors)
    return {name: _join(vectors) for name, vectors in parts.items()}


def _join(blocks: Sequence[Tensor]) -> Tensor:
    return blocks[0] if len(blocks) == 1 else torch.cat(list(blocks))
