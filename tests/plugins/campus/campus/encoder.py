"""An encoder: a node's own vector plus the mean of its neighbours', for tasks of every family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from hetgraph.methods import GraphInputs, WholeGraphEncoder
from hetgraph.nn import FeatureEncoder
from hetgraph.ops import spmm


@dataclass(frozen=True)
class CampusMeanConfig:
    """Dimension of the vectors."""

    hidden_dim: int = 32


class CampusMean(WholeGraphEncoder):
    """One mean over all neighbours of a node."""

    name: ClassVar[str] = "campus_mean"
    Config: ClassVar[type[Any]] = CampusMeanConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features"})
    citation: ClassVar[str] = "Nobody. An encoder for a test."

    def __init__(self, schema: Any, spec: Any, config: CampusMeanConfig) -> None:
        super().__init__(schema, spec, config)
        self.dim = config.hidden_dim
        self.features = FeatureEncoder(schema, spec.num_nodes, schema.node_types, self.dim)
        self.act = nn.ReLU()

    def vectors(self, inputs: GraphInputs) -> Mapping[str, Tensor]:
        own = self.features(inputs.features)
        out = {name: own[name] for name in self.spec.ends}
        for key, relation in inputs.relations.items():
            if key.dst in out:
                mean = relation.with_weight(None).normalized("row")
                out[key.dst] = out[key.dst] + spmm(mean, own[key.src])
        return {name: self.act(x) for name, x in out.items()}
