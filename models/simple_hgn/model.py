"""Simple-HGN: an encoder on the joint graph of all relations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import EdgeType, HeteroGraph, Schema
from hetgraph.methods import (
    OPTIMIZER_SPACE,
    SELF,
    Batch,
    Encoded,
    JointEncoder,
    JointInputs,
    RelevanceRow,
    arriving_label,
    seed_rows,
)
from hetgraph.models.simple_hgn.config import SimpleHGNConfig
from hetgraph.models.simple_hgn.layer import SimpleHGNLayer
from hetgraph.nn import (
    EdgeInputs,
    EdgeReader,
    FeatureEncoder,
    JointGraph,
    LayerPlan,
    edges_read,
    layer_plans,
)
from hetgraph.tasks import TaskSpec

__all__ = ["SimpleHGN"]


class SimpleHGN(JointEncoder):
    """Graph attention over all relations at once.

    The last layer makes the outputs of a task about nodes; for pairs it makes their vectors.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "simple_hgn"
    Config: ClassVar[type[Any]] = SimpleHGNConfig
    uses: ClassVar[frozenset[str]] = frozenset(
        {"edge_feature", "edge_time", "edge_weight", "features"}
    )
    citation: ClassVar[str] = (
        "Lv et al. Are we really making much progress? Revisiting, benchmarking and refining "
        "heterogeneous graph neural networks. KDD 2021. arXiv:2112.14936"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {
        "weight_decay": 1e-4,
        "max_epochs": 300,
        "patience": 50,
    }
    standins: ClassVar[str] = "auto"
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [16, 32, 64],
        "num_layers": [1, 2, 3],
        "dropout": {"low": 0.2, "high": 0.8},
        "attention_dropout": {"low": 0.0, "high": 0.6},
        "inputs": ["features", "target", "ids"],
    }

    config: SimpleHGNConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns what the settings let it read; ``inputs: ids`` leaves node features out."""
        return edges_read(config) | (
            {"features"} - ({"features"} if config.inputs == "ids" else set())
        )

    def __init__(self, schema: Schema, spec: TaskSpec, config: SimpleHGNConfig) -> None:
        super().__init__(schema, spec, config)
        plans = layer_plans(schema, spec.ends, config.num_layers + 1)
        self.plan = plans[0]
        kept = {"features": self.plan.inputs, "target": spec.ends, "ids": ()}[config.inputs]
        ids = [name for name in self.plan.inputs if name not in kept]
        self.features = FeatureEncoder(
            schema, spec.num_nodes, self.plan.inputs, config.hidden_dim, ids=ids
        )
        self.edges = EdgeReader(schema, self.plan.edge_types, config)
        merged_dim = config.num_heads * config.hidden_dim
        self.layers = nn.ModuleList(
            self._layer(
                merged_dim if depth else config.hidden_dim,
                config.hidden_dim,
                config.num_heads,
                plan,
                residual=config.node_residual and depth > 0,
            )
            for depth, plan in enumerate(plans[:-1])
        )
        self.makes_outputs = not spec.edge_types
        self.dim = spec.num_outputs if self.makes_outputs else merged_dim
        self.output = self._layer(merged_dim, self.dim, 1, plans[-1], residual=config.node_residual)

    def _layer(
        self, in_dim: int, out_dim: int, num_heads: int, plan: LayerPlan, *, residual: bool
    ) -> SimpleHGNLayer:
        """A layer; inputs of edges count where they can reach what is asked for, by its plan."""
        return SimpleHGNLayer(
            in_dim,
            out_dim,
            num_heads,
            len(self.plan.edge_types) + 1,
            edge_dim=self.config.edge_dim,
            dropout=self.config.dropout,
            attention_dropout=self.config.attention_dropout,
            negative_slope=self.config.negative_slope,
            residual=residual,
            edge_dims=self.edges.dims_of(plan.edge_types),
        )

    def edge_inputs(self, graph: HeteroGraph) -> dict[EdgeType, EdgeInputs]:
        """Returns what the edges carry and the settings let it read."""
        return self.edges.read(graph)

    def forward(self, batch: Batch) -> Encoded:
        """Returns the output layer at the seeds, ``[num_seeds, dim]``."""
        inputs: JointInputs = batch.inputs
        out, _ = self.output(self._hidden(inputs)[0], inputs.joint)
        rows = seed_rows(self.by_type(out.squeeze(1), inputs), batch.seeds)
        if self.config.normalize and self.makes_outputs:
            rows = {name: F.normalize(x, eps=1e-12) for name, x in rows.items()}
        return Encoded(rows)

    def vectors(self, inputs: JointInputs) -> dict[str, Tensor]:
        """Returns the last hidden layer by type, ``[num_nodes, num_heads * hidden_dim]``."""
        return self.by_type(self._hidden(inputs)[0], inputs)

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Returns the last hidden layer where the output layer makes outputs."""
        if not self.makes_outputs:
            return dict(self(batch).vectors)
        return seed_rows(self.vectors(batch.inputs), batch.seeds)

    def _hidden(self, inputs: JointInputs) -> tuple[Tensor, list[Tensor]]:
        """Representations of all nodes, and the attention weights of each hidden layer."""
        x = self.joined(inputs)
        weights: list[Tensor] = []
        for layer in self.layers:
            # As published, no gradient flows into the weights of the layer before.
            before = weights[-1].detach() if weights and self.config.attention_residual else None
            out, alpha = layer(x, inputs.joint, before, self.config.attention_residual)
            weights.append(alpha)
            x = F.elu(out).flatten(1)
        return x, weights

    def relevance(self, inputs: JointInputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the attention that the edges of each relation get, by layer.

        The weight of a relation is the sum of the attention weights of a node's edges of that
        type, the mean of the heads; mean and std are over the nodes of the target. The weights
        of all relations and the self-loop sum to one.
        """
        x, weights = self._hidden(inputs)
        weights.append(self.output(x, inputs.joint)[1])
        target = self.spec.target
        groups: dict[int | None, Tensor | slice] = {None: slice(None)}
        if classes is not None:
            known = sorted(set(classes.tolist()) - {-1})
            groups |= {label: classes == label for label in known}
        names = {
            kind: arriving_label(relation, target, self.schema)
            for kind, relation in enumerate(self.plan.edge_types)
            if relation.dst == target
        }
        names[len(self.plan.edge_types)] = SELF
        rows = []
        for order, alpha in enumerate(weights):
            mass = self._mass(inputs.joint, alpha.mean(1))
            for kind, name in names.items():
                for label, members in groups.items():
                    masses = mass[members, kind]
                    weight, std = float(masses.mean()), float(masses.std(correction=0))
                    rows.append(RelevanceRow(target, name, order, weight, std, label))
        return rows

    def _mass(self, joint: JointGraph, alpha: Tensor) -> Tensor:
        """Sums ``[nnz]`` weights by target node and type, ``[num_target_nodes, num_types]``."""
        num_types = len(self.plan.edge_types) + 1
        cell = joint.csr.row_ids * num_types + joint.edge_type
        mass = alpha.new_zeros(joint.csr.num_rows * num_types).index_add_(0, cell, alpha)
        return mass.view(-1, num_types)[joint.spans[self.spec.target]]
