"""What the PyG models share: tensors, projections, a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import CSR
from hetgraph.tasks import Task

__all__ = ["Graph", "Peer", "Triple"]

Triple = tuple[str, str, str]


@dataclass(frozen=True)
class Graph:
    """What a ``HeteroData`` holds.

    Args:
        x: ``[num_nodes, dim]`` dense features of the types with features.
        num_nodes: Number of nodes by type.
        edge_index: ``[2, num_edges]`` by edge type, sorted by destination.
        target: The type to classify.
        num_outputs: Dim of the predictions.
        metapaths: ``[2, num_edges]`` by the name of the meta-path.
    """

    x: Mapping[str, Tensor]
    num_nodes: Mapping[str, int]
    edge_index: Mapping[Triple, Tensor]
    target: str
    num_outputs: int
    metapaths: Mapping[str, Tensor]

    @classmethod
    def of(cls, task: Task, metapaths: Mapping[str, CSR]) -> Graph:
        """Copies the tensors of a task."""
        graph = task.graph
        return cls(
            x={
                key: x.to_dense(torch.float32) if isinstance(x, CSR) else x.float()
                for key, x in graph.features.items()
            },
            num_nodes=graph.num_nodes,
            edge_index={
                (key.src, key.name, key.dst): torch.stack(relation.edges())
                for key, relation in graph.relations.items()
            },
            target=task.spec.target,
            num_outputs=task.spec.num_outputs,
            metapaths={name: _edge_index(csr) for name, csr in metapaths.items()},
        )


class Peer(nn.Module):
    """Projections per type, the layers of a subclass, a linear classifier.

    Args:
        graph: The tensors.
        config: The configuration of hetgraph's model, for dims, layers and dropout.
        types: Types to project; ``None`` for all.
        dim: Dim of the input of the classifier; ``None`` for that of a layer.
    """

    def __init__(
        self,
        graph: Graph,
        config: Any,
        *,
        types: Sequence[str] | None = None,
        dim: int | None = None,
    ) -> None:
        super().__init__()
        self.graph, self.config = graph, config
        self.types = tuple(graph.num_nodes) if types is None else tuple(types)
        self.project = nn.ModuleDict(
            {
                key: nn.Linear(graph.x[key].shape[1], config.hidden_dim)
                if key in graph.x
                else nn.Embedding(graph.num_nodes[key], config.hidden_dim)
                for key in self.types
            }
        )
        self.head = nn.Linear(dim or config.hidden_dim, graph.num_outputs)

    def inputs(self) -> dict[str, Tensor]:
        """Returns ``[num_nodes, dim]`` by type."""
        x = self.graph.x
        out: dict[str, Tensor] = {}
        for key, layer in self.project.items():
            out[key] = layer.weight if isinstance(layer, nn.Embedding) else layer(x[key])
        return out

    def drop(self, x: Tensor) -> Tensor:
        """Applies the dropout of the configuration."""
        return F.dropout(x, self.config.dropout, self.training)

    def encode(self) -> Tensor:
        """Returns ``[num_target_nodes, dim]``."""
        raise NotImplementedError

    def forward(self, rows: Tensor) -> Tensor:
        """Returns ``[rows, num_outputs]`` logits."""
        logits: Tensor = self.head(self.encode()[rows])
        return logits


def _edge_index(csr: CSR) -> Tensor:
    dst, src = csr.coo()
    return torch.stack([src.long(), dst.long()])
