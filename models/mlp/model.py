"""A multi-layer perceptron on the features of the target type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from hetgraph.data import CSR, Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, Batch, Encoded, Encoder, GraphInputs
from hetgraph.nn import Dropout, FeatureEncoder, feature_matrix
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["MLP", "MLPConfig"]


@dataclass(frozen=True)
class MLPConfig:
    """Settings of the perceptron.

    Args:
        hidden_dim: Dimension of the hidden layers.
        num_layers: Layers, the classifier counted.
        dropout: Fraction of hidden values that are dropped.

    Raises:
        ConfigError: If a value is out of its range.
    """

    hidden_dim: int = 64
    num_layers: int = 2
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if self.hidden_dim < 1 or self.num_layers < 2:
            raise ConfigError("model.hidden_dim must be at least 1 and model.num_layers 2.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}, expected 0 or more, below 1.")


class MLP(Encoder):
    """Makes the vector of a node from its own features; no edge is read.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "mlp"
    Config: ClassVar[type[Any]] = MLPConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features"})
    citation: ClassVar[str] = (
        "Rumelhart, Hinton, Williams. Learning representations by back-propagating errors. "
        "Nature 323, 1986."
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [64, 128, 256, 512],
        "num_layers": [2, 3],
        "dropout": {"low": 0.0, "high": 0.8},
    }

    config: MLPConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: MLPConfig) -> None:
        super().__init__(schema, spec, config)
        dim = config.hidden_dim
        self.features = FeatureEncoder(schema, spec.num_nodes, spec.ends, dim)
        hidden: list[nn.Module] = [nn.ReLU()]
        for _ in range(config.num_layers - 2):
            hidden += [Dropout(config.dropout), nn.Linear(dim, dim), nn.ReLU()]
        self.hidden = nn.Sequential(*hidden)
        self.dim, self.decoder_dropout = dim, config.dropout
        self.all_nodes, self.row_wise = False, True

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> GraphInputs:
        """Brings the features to the device."""
        given = {name: feature_matrix(task.graph, name) for name in self.spec.ends}
        features = {k: None if x is None else x.to(self.device) for k, x in given.items()}
        return GraphInputs(features, {})

    def forward(self, batch: Batch) -> Encoded:
        """Returns the last hidden layer of the seeds; the other nodes are not computed."""
        vectors: dict[str, Tensor] = {}
        for name, ids in batch.seeds.items():
            given = batch.inputs.features[name]
            if given is None:
                rows: Tensor | CSR | None = ids  # one learned vector per node
            elif ids is None:
                rows = given
            else:
                rows = given.rows(ids) if isinstance(given, CSR) else given[ids]
            vectors[name] = self.hidden(self.features[name](rows))
        return Encoded(vectors)
