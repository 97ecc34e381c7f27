"""RGCN for a whole graph: encoded features, relational convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from hetgraph.data import EdgeType, HeteroGraph, Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, GraphInputs, RelevanceRow, WholeGraphEncoder
from hetgraph.models.rgcn.layer import RGCNLayer
from hetgraph.models.rgcn.means import Mean
from hetgraph.nn import FeatureEncoder, InputKind, id_types, layer_plans, mean_matrix
from hetgraph.ops import dropout
from hetgraph.seeds import Seeds
from hetgraph.settings import later
from hetgraph.tasks import Task, TaskSpec

__all__ = ["RGCN", "RGCNConfig"]


@dataclass(frozen=True)
class RGCNConfig:
    """Settings of RGCN.

    Args:
        hidden_dim: Dimension of the encoded features and of every layer.
        num_layers: Relational convolutions.
        num_bases: Matrices of which the relations of a layer mix theirs; ``None`` learns one a
            relation. Fewer than relations saves parameters on graphs with many of them.
        root_weight: Whether a node keeps its own representation besides its neighbours'.
        dropout: Fraction of hidden values that are dropped before each layer and the head.
        inputs: ``"features"`` takes what the types have; ``"target"`` the features of the target
            and one learned vector per node for the other types; ``"ids"`` a learned vector for all.
        edge_weights: Whether the means are by edge weight, if there are weights.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 64
    num_layers: int = 2
    num_bases: int | None = None
    root_weight: bool = True
    dropout: float = 0.5
    inputs: InputKind = "features"
    edge_weights: bool = later(True)

    def __post_init__(self) -> None:
        if self.hidden_dim < 1 or self.num_layers < 1:
            raise ConfigError("model.hidden_dim and model.num_layers must be at least 1.")
        if self.num_bases is not None and self.num_bases < 1:
            raise ConfigError(f"model.num_bases is {self.num_bases}, expected 1 or more, or null.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}, expected 0 or more, below 1.")


@dataclass(eq=False, kw_only=True)
class RGCNInputs(GraphInputs):
    """What the network reads: features by type, and the means of the relations."""

    means: Mapping[EdgeType, Mean]


class RGCN(WholeGraphEncoder):
    """Averages the neighbours of each relation and maps each mean by the relation's own matrix.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "rgcn"
    Config: ClassVar[type[Any]] = RGCNConfig
    uses: ClassVar[frozenset[str]] = frozenset({"edge_weight", "features"})
    citation: ClassVar[str] = (
        "Schlichtkrull, Kipf, Bloem, van den Berg, Titov, Welling. Modeling Relational Data with "
        "Graph Convolutional Networks. ESWC 2018. arXiv:1703.06103"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adamw",
        "lr": 0.003,
        "weight_decay": 0.01,
    }
    standins: ClassVar[str] = "auto"
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [16, 32, 64, 128],
        "num_layers": [1, 2, 3],
        "num_bases": [None, 2, 4],
        "root_weight": [True, False],
        "dropout": {"low": 0.0, "high": 0.8},
        "inputs": ["features", "target", "ids"],
    }

    config: RGCNConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns all of ``uses`` but features with ``inputs: ids``, and weights if left out."""
        unread = {"features": config.inputs == "ids", "edge_weight": not config.edge_weights}
        return cls.uses - {word for word, left_out in unread.items() if left_out}

    def __init__(self, schema: Schema, spec: TaskSpec, config: RGCNConfig) -> None:
        super().__init__(schema, spec, config)
        dim = config.hidden_dim
        self.plans = layer_plans(schema, spec.ends, config.num_layers)
        types = self.plans[0].inputs
        ids = id_types(config.inputs, types, spec.ends)
        self.features = FeatureEncoder(schema, spec.num_nodes, types, dim, ids=ids)
        self.layers = nn.ModuleList(
            RGCNLayer(plan, dim, dim, num_bases=config.num_bases, root_weight=config.root_weight)
            for plan in self.plans
        )
        self.dim, self.decoder_dropout = dim, config.dropout

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> RGCNInputs:
        """Brings the inputs to the device, with the means of every relation."""
        inputs = super().prepare(task, seeds=seeds, workdir=workdir)
        used = self.plans[0].edge_types
        means = {
            key: Mean.of(mean_matrix(inputs.relations[key], edge_weights=self.config.edge_weights))
            for key in used
        }
        return RGCNInputs(**{**vars(inputs), "relations": {}}, means=means)

    def vectors(self, inputs: RGCNInputs) -> dict[str, Tensor]:
        """Returns the output of the last layer by type, ``[num_nodes, hidden_dim]``."""
        x: dict[str, Tensor] = self.features(inputs.features)
        for depth, layer in enumerate(self.layers):
            if depth:
                x = {name: value.relu_() for name, value in x.items()}
            x = {name: self._dropped(value) for name, value in x.items()}
            x = layer(x, inputs.means)
        return x

    def _dropped(self, x: Tensor) -> Tensor:
        return dropout(x, self.config.dropout, self.training)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the fraction of each relation in the Frobenius norms of what arrives at a type.

        The weights of one node type and layer add up to one; ``self`` is the weight of the node's
        own representation. They are the same for all nodes, so neither argument changes them.
        """
        rows = []
        for order, (plan, layer) in enumerate(zip(self.plans, self.layers, strict=True)):
            assert isinstance(layer, RGCNLayer)
            rows += [
                RelevanceRow(node_type, name, order, fraction)
                for node_type in plan.outputs
                for name, fraction in layer.weight_fractions(node_type, self.schema).items()
            ]
        return rows
