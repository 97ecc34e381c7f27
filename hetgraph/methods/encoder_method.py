"""An encoder joined with the head of a task: the method that the trainer sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hetgraph.data.schema import Schema
from hetgraph.metapaths.requests import requested_path
from hetgraph.methods.encoder import Batch, Encoded, Encoder
from hetgraph.methods.method import Loss, Method, Stage
from hetgraph.methods.relevance import RelevanceRow
from hetgraph.nn import TypeDict
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds
from hetgraph.tasks import Head, Predictions, Question, Samples, Task, TaskSpec, task_class

__all__ = ["EncoderMethod", "EncoderPerType", "MethodInputs"]

BLOCK_ROWS = 4096
"""Rows of a block of predictions of encoders that work row by row."""


@dataclass(eq=False)
class MethodInputs:
    """What both halves read.

    Args:
        encoder: What the encoder prepared.
        head: What the head knows.
        num_nodes: Number of nodes by type.
    """

    encoder: Any
    head: Any
    num_nodes: Mapping[str, int]


class EncoderMethod(Method):
    """An encoder joined with the head of a task: a method that the trainer can train.

    Args:
        encoder: Class of the encoder.
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: Hyper-parameters of the encoder.
    """

    reads_task_loss = True

    def __init__(self, encoder: type[Encoder], schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__(schema, spec, config)
        for fact in ("name", "Config", "citation", "search_space", "train_defaults", "no_decay"):
            setattr(self, fact, getattr(encoder, fact))  # the method goes by the encoder's name
        per_type = encoder.one_type and len(spec.ends) > 1
        self.encoder: Encoder = (
            EncoderPerType(encoder, schema, spec, config)
            if per_type
            else encoder(schema, spec, config)
        )
        self.head: Head[Any, Any] = task_class(spec.kind).Head(spec, self.encoder.facts())
        self.encoder.initialise(self.head)

    def stages(self) -> tuple[Stage, ...]:
        """Returns the stages of the encoder."""
        return self.encoder.stages()

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> MethodInputs:
        """Prepares encoder and head."""
        self.check(task)
        bring = self.head.asked if isinstance(task, Question) else self.head.prepare
        known = bring(task, self.device)  # first: it refuses losses that do not fit
        made = self.encoder.prepare(task, seeds=seeds, workdir=workdir)
        return MethodInputs(made, known, dict(task.graph.num_nodes))

    def batches(
        self,
        inputs: MethodInputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """Yields the samples of the head, with what the encoder reads."""
        for samples in self.head.batches(
            inputs.head, split, batch_size=batch_size, generator=generator, shard=shard
        ):
            yield Batch(inputs, samples, split)

    def training_step(self, batch: Batch, *, stage: Stage) -> Loss:
        """Returns the loss of the head, and the encoder's own terms."""
        inputs: MethodInputs = batch.inputs
        own = Batch(inputs.encoder, batch.samples, batch.split)
        encoded = self.encoder(own)
        terms = self.head.losses(inputs.head, encoded.vectors, batch.samples)
        if batch.samples.count:
            terms |= self.encoder.losses(own, encoded)
        return Loss(terms, batch.samples.count)

    def predict(self, inputs: MethodInputs, split: str) -> Predictions:
        """Returns what the head says of the samples of a split."""
        self.encoder.calibrate(self, inputs.encoder)
        return self.head.predict(inputs.head, self._encode_with(inputs, split), split)

    def embed(self, inputs: MethodInputs, split: str) -> Tensor:
        """Returns ``[num_samples of the split, dim]`` vectors in the order of the task."""
        encode = self._encode_with(inputs, split, kept=True)
        return self.head.embed(inputs.head, encode, split)

    def relevance(self, inputs: MethodInputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weights of relations or meta-paths in the encoder, without dropout."""
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                return self.encoder.relevance(inputs.encoder, classes)
        finally:
            self.train(training)

    def encode(
        self, inputs: MethodInputs, seeds: Mapping[str, Tensor | None], split: str = "test"
    ) -> Mapping[str, Tensor]:
        """Returns the ``[num_seeds, dim]`` vectors of nodes by type.

        Args:
            inputs: What :meth:`prepare` returned.
            seeds: Ids by type; ``None`` stands for all nodes of a type.
            split: The split whose view of the graph is read, for methods that hide nodes.
        """
        samples = Samples(seeds, 0, 0)
        encoded = self.encoder(Batch(inputs.encoder, samples, split))
        vectors: Mapping[str, Tensor] = encoded.vectors
        return vectors

    def _encode_with(self, inputs: MethodInputs, split: str, *, kept: bool = False) -> Any:
        """Returns what heads ask for the vectors of nodes, in blocks where that saves memory."""
        run = self.encoder.represent if kept else lambda batch: self.encoder(batch).vectors

        def encode(seeds: Mapping[str, Tensor | None]) -> Iterator[Mapping[str, Tensor]]:
            if not self.encoder.row_wise:
                yield run(Batch(inputs.encoder, Samples(seeds, 0, 0), split))
                return
            for name, ids in seeds.items():
                rows: int | Tensor = inputs.num_nodes[name] if ids is None else ids
                blocks = list(row_batches(rows, BLOCK_ROWS)) or [torch.zeros(0, dtype=torch.int64)]
                for block in blocks:
                    seeds = {name: block.to(self.device)}
                    yield run(Batch(inputs.encoder, Samples(seeds, 0, 0), split))

        return encode


class EncoderPerType(Encoder):
    """One encoder per node type, each with parameters of its own.

    Args:
        encoder: Class of the encoders.
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: Hyper-parameters of all of them; of its meta-paths each gets those that begin at
            its type.
    """

    def __init__(self, encoder: type[Encoder], schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__(schema, spec, config)
        self.types: TypeDict[Encoder] = TypeDict(
            {
                name: encoder(schema, spec.only(name), _config_of(config, schema, name))
                for name in spec.ends
            }
        )
        first = self.types[spec.ends[0]]
        self.dim, self.all_nodes, self.row_wise = first.dim, first.all_nodes, first.row_wise
        self.pair_decoder = encoder.pair_decoder
        self.mean_of = encoder.mean_of

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> dict[str, Any]:
        """Prepares the encoder of each type."""
        return {
            name: self.types[name].prepare(task, seeds=seeds, workdir=workdir)
            for name in self.spec.ends
        }

    def initialise(self, head: Head[Any, Any]) -> None:
        """Draws the parameters of each encoder anew, as it wants."""
        for name in self.spec.ends:
            self.types[name].initialise(head)

    def forward(self, batch: Batch) -> Encoded:
        """Returns the vectors of the seeds of each type."""
        vectors: dict[str, Tensor] = {}
        kept: dict[str, tuple[Batch, Encoded]] = {}
        for name, ids in batch.seeds.items():
            samples = Samples({name: ids}, batch.samples.count, batch.samples.size)
            own = Batch(batch.inputs[name], samples, batch.split)
            encoded = self.types[name](own)
            vectors[name] = encoded.vectors[name]
            kept[name] = own, encoded
        return Encoded(vectors, kept)

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the terms of both encoders, added up where they are called alike."""
        terms: dict[str, Tensor] = {}
        for name, (own, made) in encoded.kept.items():
            for term, value in self.types[name].losses(own, made).items():
                terms[term] = terms[term] + value if term in terms else value
        return terms

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the rows of both encoders; pairs have no classes of nodes."""
        return [row for name in self.spec.ends for row in self.types[name].relevance(inputs[name])]


def _config_of(config: Any, schema: Schema, node_type: str) -> Any:
    """Returns a configuration whose meta-paths begin at a type, or are no texts."""
    names = [field.name for field in fields(config)]
    if "metapaths" not in names or not config.metapaths:
        return config
    own = []
    for request in config.metapaths:
        path = requested_path(schema, request)
        if path is None or path.start == node_type:
            own.append(request)
    return replace(config, metapaths=tuple(own))
