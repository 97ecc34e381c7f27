"""RpHGNN under the common contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hetgraph.data import Schema
from hetgraph.errors import SchemaError
from hetgraph.methods import Loss, Method, RelevanceRow, Stage
from hetgraph.models.rphgnn.config import RpHGNNConfig
from hetgraph.models.rphgnn.encoder import Encoder, IterationFilter
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.losses import consistency_terms, pseudo_labels
from hetgraph.models.rphgnn.prepare import Inputs, prepare
from hetgraph.nn.losses import choose_loss
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec
from hetgraph.train.batching import row_batches

__all__ = ["Batch", "RpHGNN"]

PREDICT_ROWS = 4096
"""Rows of a block of predictions."""


@dataclass(eq=False)
class Batch:
    """Some rows of the prepared tensors.

    Args:
        slabs: ``[num_rows, slots, width]`` of each group.
        rows: ``[batch]`` rows to take from them; ``None`` takes all.
        target: ``[batch, ...]`` labels; read at labelled rows only.
        labelled: ``[batch]`` bool, the training nodes.
    """

    slabs: Sequence[Tensor]
    rows: Tensor | None
    target: Tensor
    labelled: Tensor


class RpHGNN(Method):
    """Random-projection heterogeneous graph network: propagate once, then train an MLP.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.

    Raises:
        SchemaError: If no relation touches the target type.
        ConfigError: If the loss does not fit the task.
    """

    name: ClassVar[str] = "rphgnn"
    Config: ClassVar[type[Any]] = RpHGNNConfig
    citation: ClassVar[str] = (
        "Hu, Hooi, He. Efficient Heterogeneous Graph Learning via Random Projection. "
        "IEEE TKDE 36(12), 2024. arXiv:2310.14481"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        "iterations": [2, 3, 4, 5, 6],
        "hidden_dim": [64, 128, 256, 512],
        "input_dropout": {"low": 0.0, "high": 0.9},
        "dropout": {"low": 0.2, "high": 0.8},
        "use_input": [True, False],
        "merge": ["concat", "mean"],
    }

    config: RpHGNNConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: RpHGNNConfig) -> None:
        super().__init__(schema, spec, config)
        self.layout = Layout(schema, schema.node_type(spec.target), spec.num_outputs, config)
        if not self.layout.shapes:
            raise SchemaError(f"no relation touches {spec.target!r}; RpHGNN needs at least one.")
        self.loss = choose_loss(config.loss, spec)
        self.encoder = Encoder(
            self.layout.shapes,
            spec.num_outputs,
            hidden_dim=config.hidden_dim,
            num_filters=config.num_filters,
            group_layers=config.group_layers,
            head_layers=config.head_layers,
            merge=config.merge,
            input_dropout=config.input_dropout,
            dropout=config.dropout,
        )

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Inputs:
        """Propagates all features (and labels) once; see :func:`prepare`."""
        self.check(task)
        return prepare(task, self.layout, seeds, workdir, self.device)

    def batches(
        self,
        inputs: Inputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """Yields batches of nodes; the consistency recipe draws them from all stored nodes."""
        rows = inputs.rows[split]
        if split == "train" and self.config.consistency_views:
            rows = torch.arange(inputs.train.numel())
        for chosen in row_batches(rows, batch_size, generator=generator, shard=shard):
            slabs, local = self._fetch(inputs, chosen)
            target, labelled = inputs.targets[chosen], inputs.train[chosen]
            yield Batch(slabs, local, target.to(self.device), labelled.to(self.device))

    def training_step(self, batch: Batch, *, stage: Stage) -> Loss:
        """Returns the task loss, or the two terms of the consistency recipe."""
        count = batch.target.shape[0]
        views = [self(batch).float() for _ in range(max(self.config.consistency_views, 1))]
        if not self.config.consistency_views:
            return Loss({"task": self.loss(views[0], batch.target)}, count)
        independent = self.spec.multi_label and self.config.loss != "kl"
        guess = pseudo_labels(views, self.spec, independent=independent)
        weight = self.config.consistency_weight
        terms = consistency_terms(views, batch.target, batch.labelled, self.loss, guess, weight)
        return Loss(terms, count)

    def forward(self, batch: Batch) -> Tensor:
        """Returns ``[batch, num_outputs]`` logits."""
        logits: Tensor = self.encoder(batch.slabs, batch.rows)
        return logits

    def predict(self, inputs: Inputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_outputs]`` logits in the order of the task."""
        return self._in_blocks(inputs, split, self.encoder.forward, self.spec.num_outputs)

    def embed(self, inputs: Inputs, split: str) -> Tensor:
        """Returns the merged representations ``[num_nodes of the split, merged_dim]``."""
        return self._in_blocks(inputs, split, self.encoder.embed, self.encoder.merged_dim)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the mean ``|filter|`` of every group and slot, with its spread over filters.

        Filters are the same for all nodes, so neither argument changes the result.
        """
        rows = []
        inputs_of = zip(self.layout.names, self.layout.sources, self.encoder.filters, strict=True)
        for name, source, module in inputs_of:
            if not isinstance(module, IterationFilter):
                continue
            size = module.weight.detach().abs()
            for slot, weights in enumerate(size.unbind(dim=1)):
                mean, std = float(weights.mean()), float(weights.std(unbiased=False))
                rows.append(RelevanceRow(self.spec.target, name, slot, mean, std, source=source))
        return rows

    def _in_blocks(self, inputs: Inputs, split: str, function: Any, width: int) -> Tensor:
        parts = row_batches(inputs.rows[split], PREDICT_ROWS)
        with torch.no_grad():
            blocks = [function(*self._fetch(inputs, rows)) for rows in parts]
        return torch.cat(blocks) if blocks else torch.empty(0, width, device=self.device)

    def _fetch(self, inputs: Inputs, rows: Tensor) -> tuple[Sequence[Tensor], Tensor | None]:
        """Returns tensors and rows on the model's device; on the CPU nothing is copied."""
        if self.device.type == "cpu":
            return inputs.slabs.tensors, rows
        return inputs.slabs.rows_on(rows, self.device), None
