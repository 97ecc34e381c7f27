"""One learned vector per node, whatever features or edges it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hetgraph.data import Schema
from hetgraph.errors import ConfigError
from hetgraph.methods import OPTIMIZER_SPACE, Batch, Encoded, Encoder, GraphInputs
from hetgraph.nn import FeatureEncoder
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["IDs", "IDsConfig"]

_ALONE = "it learns the vector of a node from its own labels alone, so that others stay random."


@dataclass(frozen=True)
class IDsConfig:
    """Settings of the vectors.

    Args:
        dim: Dimension of the vectors; even for the decoder ``complex``.

    Raises:
        ConfigError: If ``dim`` is below 1.
    """

    dim: int = 128

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ConfigError(f"model.dim is {self.dim}, expected at least 1.")


class IDs(Encoder):
    """Learns a vector for each node; with the decoders ``distmult`` and ``complex`` these models.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "ids"
    Config: ClassVar[type[Any]] = IDsConfig
    uses: ClassVar[frozenset[str]] = frozenset()
    citation: ClassVar[str] = (
        "Yang et al. Embedding Entities and Relations for Learning and Inference in Knowledge "
        "Bases. ICLR 2015. arXiv:1412.6575"
    )
    unfit: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("node-classification", "few-shot", "node-regression", "node-importance"), _ALONE
    )
    search_space: ClassVar[Mapping[str, Any]] = {**OPTIMIZER_SPACE, "dim": [64, 128, 200, 256]}

    config: IDsConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: IDsConfig) -> None:
        super().__init__(schema, spec, config)
        self.dim = config.dim
        self.vectors = FeatureEncoder(schema, spec.num_nodes, spec.ends, self.dim, ids=spec.ends)
        self.all_nodes, self.row_wise = False, True

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> GraphInputs:
        """Reads nothing of the graph."""
        return GraphInputs({}, {})

    def forward(self, batch: Batch) -> Encoded:
        """Returns the rows of the seeds."""
        return Encoded({name: self.vectors[name](ids) for name, ids in batch.seeds.items()})
