"""DiffGraph: diffusion from the auxiliary views of nodes to their target view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from hetgraph.data import Schema
from hetgraph.methods import OPTIMIZER_SPACE, Batch, Encoded, Encoder, RelevanceRow
from hetgraph.models.diffgraph.behaviours import Behaviours
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.node_views import NodeViews
from hetgraph.models.diffgraph.pair_views import PairViews
from hetgraph.seeds import Seeds
from hetgraph.tasks import Head, Task, TaskSpec

__all__ = ["DiffGraph"]


class DiffGraph(Encoder):
    """Denoises the auxiliary views of a node towards its target view; its vector is their sum.

    The views are meta-paths where nodes of one type are asked for, the kinds of behaviour in a
    recommendation, and the relations between both types for other pairs.

    Args:
        schema: What the graph is made of.
        spec: The prediction task.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "diffgraph"
    Config: ClassVar[type[Any]] = DiffGraphConfig
    uses: ClassVar[frozenset[str]] = frozenset({"features", "metapaths"})
    left_out: ClassVar[Mapping[str, frozenset[str]]] = {"recommendation": uses}
    citation: ClassVar[str] = (
        "Li, Xia, Hua, Zhang, Wang, Huang. DiffGraph: Heterogeneous Graph Diffusion Model. "
        "WSDM 2025. arXiv:2501.02313"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "hidden_dim": [32, 64, 128],
        "num_layers": [1, 2, 3],
        "num_steps": [50, 100, 200],
        "denoiser_dropout": {"low": 0.0, "high": 0.8},
        "diffusion_weight": {"low": 0.01, "high": 100.0, "log": True},
    }

    pair_decoder: str = "dot"
    mean_of: str = "size"

    config: DiffGraphConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: DiffGraphConfig) -> None:
        super().__init__(schema, spec, config)
        kind: type[Encoder] = NodeViews
        if spec.edge_types:
            kind = Behaviours if spec.kind == "recommendation" else PairViews
        self.views = kind(schema, spec, config)
        self.dim, self.all_nodes = self.views.dim, self.views.all_nodes

    def initialise(self, head: Head[Any, Any]) -> None:
        """Draws initial parameters as in the official implementation."""
        self.views.initialise(head)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Any:
        """Composes and normalises the views."""
        return self.views.prepare(task, seeds=seeds, workdir=workdir)

    def forward(self, batch: Batch) -> Encoded:
        """Returns ``[num_seeds, hidden_dim]``: the target view plus the generated vectors."""
        encoded: Encoded = self.views(batch)
        return encoded

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the diffusion loss, and in a recommendation the decay of the vectors."""
        return self.views.losses(batch, encoded)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the fraction that each view contributes to the length of a node's vector."""
        return self.views.relevance(inputs, classes)
