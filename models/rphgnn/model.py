"""RpHGNN: random projection before training, a network on the prepared tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from hetgraph.data import HeteroGraph, Schema
from hetgraph.errors import SchemaError
from hetgraph.methods import (
    OPTIMIZER_SPACE,
    Batch,
    Encoded,
    Encoder,
    EncoderMethod,
    Loss,
    MethodInputs,
    RelevanceRow,
    Stage,
)
from hetgraph.models.rphgnn.config import RpHGNNConfig
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.losses import consistency_terms, pseudo_labels
from hetgraph.models.rphgnn.network import Network, mlp
from hetgraph.models.rphgnn.prepare import Inputs, prepare
from hetgraph.models.rphgnn.relevance import MAX_ROWS, effect_rows, slot_effects
from hetgraph.sampling import row_batches
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodeSamples, Samples, Task, TaskSpec

__all__ = ["RpHGNN", "RpHGNNMethod"]


class RpHGNNMethod(EncoderMethod):
    """RpHGNN with a head; of classes it may train by the consistency recipe.

    The recipe draws its batches from all stored nodes: each is seen through several dropout masks,
    which are to agree with their common guess.
    """

    encoder: RpHGNN

    @property
    def _consistent(self) -> bool:
        return bool(self.config.consistency_views) and self.spec.num_classes > 0

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
        """Yields training nodes, or with the consistency recipe all stored nodes."""
        options = {"batch_size": batch_size, "generator": generator, "shard": shard}
        if not self._consistent or split != "train":
            yield from super().batches(inputs, split, stage=stage, **options)  # type: ignore[arg-type]
            return
        nodes = inputs.encoder.nodes
        for rows in row_batches(nodes.numel(), batch_size, generator=generator, shard=shard):
            ids = nodes[rows]
            labels = inputs.head.labels[ids.to(inputs.head.labels.device)]
            samples = NodeSamples({self.spec.target: ids}, ids.numel(), batch_size, labels)
            yield Batch(inputs, samples, split)

    def training_step(self, batch: Batch, *, stage: Stage) -> Loss:
        """Returns the loss of the head, or the two terms of the consistency recipe."""
        if not self._consistent:
            return super().training_step(batch, stage=stage)
        inputs: MethodInputs = batch.inputs
        samples = cast(NodeSamples, batch.samples)
        views = [self._logits(inputs, samples) for _ in range(self.config.consistency_views)]
        independent = self.spec.multi_label and self.config.loss != "kl"
        guess = pseudo_labels(views, self.spec, independent=independent)
        ids = samples.seeds[self.spec.target]
        assert ids is not None  # all nodes are listed
        labelled = torch.isin(ids.to(self.device), inputs.head.rows["train"])
        weight, loss = self.config.consistency_weight, inputs.head.criterion
        terms = consistency_terms(views, samples.labels, labelled, loss, guess, weight)
        return Loss(terms, samples.count)

    def relevance(self, inputs: MethodInputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the fraction of every group and slot in the effect on predictions.

        Of pairs, which have several predictions for each node, it is the effect on vectors.
        """
        if self.spec.edge_types:
            return super().relevance(inputs, classes)
        training = self.training
        self.eval()
        try:
            return self.encoder.effects(
                inputs.encoder,
                lambda vectors: self.head.outputs(inputs.head, vectors),  # type: ignore[operator]
                classes,
            )
        finally:
            self.train(training)

    def _logits(self, inputs: MethodInputs, samples: Samples) -> Tensor:
        vectors = self.encoder(Batch(inputs.encoder, samples)).vectors[self.spec.target]
        outputs: Tensor = self.head.outputs(inputs.head, vectors)  # type: ignore[operator]
        return outputs.float()


class RpHGNN(Encoder):
    """Random-projection heterogeneous graph network: propagate once, then train an MLP.

    Args:
        schema: What the graph is made of.
        spec: ``spec.target`` is the type whose vectors are asked for.
        config: The hyper-parameters.

    Raises:
        SchemaError: If no relation touches the target type.
    """

    name: ClassVar[str] = "rphgnn"
    Config: ClassVar[type[Any]] = RpHGNNConfig
    uses: ClassVar[frozenset[str]] = frozenset({"edge_weight", "features", "labels"})
    without_features: ClassVar[str] = "fixed random noise, which is not learned"
    citation: ClassVar[str] = (
        "Hu, Hooi, He. Efficient Heterogeneous Graph Learning via Random Projection. "
        "IEEE TKDE 36(12), 2024. arXiv:2310.14481"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {"max_epochs": 300, "patience": 50}
    standins: ClassVar[str] = "auto"
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "iterations": [2, 3, 4, 5, 6],
        "hidden_dim": [64, 128, 256, 512],
        "input_dropout": {"low": 0.0, "high": 0.9},
        "dropout": {"low": 0.2, "high": 0.8},
        "use_input": [True, False],
        "merge": ["concat", "mean"],
    }

    one_type: ClassVar[bool] = True
    method: ClassVar[type[EncoderMethod]] = RpHGNNMethod

    config: RpHGNNConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns all of ``uses``; edge weights and labels if the settings ask for them."""
        unread = {"edge_weight": not config.edge_weights, "labels": not config.labels}
        return cls.uses - {word for word, left_out in unread.items() if left_out}

    def __init__(self, schema: Schema, spec: TaskSpec, config: RpHGNNConfig) -> None:
        super().__init__(schema, spec, config)
        self.layout = Layout(schema, schema.node_type(spec.target), spec.num_classes, config)
        if not self.layout.shapes:
            raise SchemaError(
                f"no relation touches {spec.target!r}; RpHGNN needs at least one; "
                "add edges, or choose a model that needs none, such as mlp."
            )
        self.loss = config.loss
        self.network = Network(
            self.layout.shapes,
            hidden_dim=config.hidden_dim,
            num_filters=config.num_filters,
            group_layers=config.group_layers,
            merge=config.merge,
            input_dropout=config.input_dropout,
            dropout=config.dropout,
        )
        # Both ends of pairs need one dimension, whatever groups reach their types.
        self.project = self.decoder(config.hidden_dim) if spec.edge_types else nn.Identity()
        self.dim = config.hidden_dim if spec.edge_types else self.network.merged_dim
        self.all_nodes, self.row_wise = False, True

    def decoder(self, num_outputs: int) -> nn.Module:
        """Returns the network behind the merge."""
        hidden = [self.config.hidden_dim] * (self.config.head_layers - 1)
        return mlp(
            [self.network.merged_dim, *hidden, num_outputs], self.config.dropout, plain_last=True
        )

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Inputs:
        """Propagates all features (and labels) once; see :func:`prepare`."""
        return prepare(task, self.layout, seeds, workdir, self.device)

    def forward(self, batch: Batch) -> Encoded:
        """Returns the vectors of the seeds, ``[num_seeds, dim]``: for pairs, behind the network."""
        slabs = batch.inputs.slabs
        ids = batch.seeds[self.spec.target]
        rows = None if ids is None else slabs.positions(ids.cpu())
        if self.device.type == "cpu":  # nothing is copied
            return Encoded({self.spec.target: self.project(self.network(slabs.tensors, rows))})
        if rows is None:
            rows = torch.arange(batch.inputs.nodes.numel())
        tensors = slabs.rows_on(rows, self.device)
        return Encoded({self.spec.target: self.project(self.network(tensors, None))})

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the fraction of every group and slot in the effect on a node's vector."""
        return self.effects(inputs, lambda vectors: vectors, classes)

    def effects(
        self, inputs: Inputs, outputs: Callable[[Tensor], Tensor], classes: Tensor | None
    ) -> list[RelevanceRow]:
        """Returns the fraction of every group and slot in the effect on a node's outputs.

        The fractions of a node add up to one over all rows, so orders are comparable; see
        :func:`slot_effects`. The order of a row is the number of rounds before it was sent.

        Args:
            inputs: What :meth:`prepare` returned.
            outputs: From ``[batch, dim]`` vectors to ``[batch, num_outputs]``.
            classes: ``[num_target_nodes]`` classes, -1 for nodes to leave out.
        """
        nodes = inputs.nodes
        asked = torch.arange(0, nodes.numel(), max(1, -(-nodes.numel() // MAX_ROWS)))
        effects = slot_effects(
            lambda slabs: outputs(self.project(self.network(slabs))),
            [tensor[asked] for tensor in inputs.slabs.tensors],
            self.device,
        )
        own = None if classes is None else classes.cpu()[nodes[asked]]
        names = [slot for slots in self.layout.names for slot in slots]
        return effect_rows(self.spec.target, names, effects, own)
