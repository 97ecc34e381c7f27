"""A multi-layer perceptron on the features of the target type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from hetgraph.data import CSR, Schema
from hetgraph.errors import ConfigError
from hetgraph.nn import Dropout, FeatureEncoder, FullGraphModel, GraphInputs
from hetgraph.tasks import TaskSpec

__all__ = ["MLP", "MLPConfig"]


@dataclass(frozen=True)
class MLPConfig:
    """Settings of the perceptron.

    Args:
        hidden_dim: Width of the hidden layers.
        num_layers: Layers, the classifier counted.
        dropout: Share of hidden values that are dropped.

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


class MLP(FullGraphModel):
    """Classifies a node by its own features; no edge is read.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "mlp"
    Config: ClassVar[type[Any]] = MLPConfig
    citation: ClassVar[str] = (
        "Rumelhart, Hinton, Williams. Learning representations by back-propagating errors. "
        "Nature 323, 1986."
    )
    tasks: ClassVar[tuple[str, ...]] = ("node-classification", "node-importance")
    search_space: ClassVar[Mapping[str, Any]] = {
        "hidden_dim": [64, 128, 256, 512],
        "num_layers": [2, 3],
        "dropout": {"low": 0.0, "high": 0.8},
    }

    config: MLPConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: MLPConfig) -> None:
        super().__init__(schema, spec, config)
        width = config.hidden_dim
        self.features = FeatureEncoder(schema, spec, [spec.target], width)
        hidden: list[nn.Module] = [nn.ReLU()]
        for _ in range(config.num_layers - 2):
            hidden += [Dropout(config.dropout), nn.Linear(width, width), nn.ReLU()]
        self.hidden = nn.Sequential(*hidden)
        self.make_head(width, config.dropout)

    def encode(self, inputs: GraphInputs) -> Tensor:
        """Returns the last hidden layer, ``[num_target_nodes, hidden_dim]``."""
        hidden: Tensor = self.hidden(self.features(inputs.features)[self.spec.target])
        return hidden

    def logits(self, inputs: GraphInputs, rows: Tensor) -> Tensor:
        """Returns ``[len(rows), num_outputs]``; the other nodes are not computed."""
        target = self.spec.target
        given = inputs.features.get(target)
        if given is None:
            some: Tensor | CSR = rows  # one learned vector a node
        else:
            some = given.rows(rows) if isinstance(given, CSR) else given[rows]
        logits: Tensor = self.head(self.hidden(self.features[target](some)))
        return logits
