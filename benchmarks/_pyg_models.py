"""The same models as a PyG user would write them, on the tensors of a ``HeteroData``.

Features are dense, as PyG's layers require; a type without features gets an embedding. Every type
is projected to a common dim, followed by PyG's layers. If PyG offers several ways to compute the
same equations, all are included, and the fastest counts.

PyG has no LATTE: it is in `_pyg_latte`, written in the style of PyG's layers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import HANConv, HeteroConv, HGTConv, RGCNConv, SAGEConv
from torch_geometric.utils import add_remaining_self_loops

from hetgraph.benchmarks._pyg_latte import ComposedLATTE, HopLATTE
from hetgraph.benchmarks._pyg_peer import Graph, Peer
from hetgraph.nn import metapath_relations
from hetgraph.tasks import Task
from hetgraph.train import TrainConfig
from hetgraph.train.optimizer import make_optimizer

__all__ = ["PEERS", "make_epoch"]


class MLP(Peer):
    """Linear layers on the features of the target."""

    def __init__(self, graph: Graph, config: Any) -> None:
        super().__init__(graph, config, types=[graph.target])

    def encode(self) -> Tensor:
        return self.drop(self.inputs()[self.graph.target].relu())


class RGCN(Peer):
    """``RGCNConv`` on the homogenised graph.

    With an ``EdgeIndex`` it takes the same time. ``FastRGCNConv`` is left out: it stores one matrix
    per edge; on 10 k edges it takes 30 times as long and 40 times the memory.
    """

    def __init__(self, graph: Graph, config: Any) -> None:
        super().__init__(graph, config)
        dim = config.hidden_dim
        self.starts = _starts(graph.num_nodes)
        edges = [
            index + torch.tensor([[self.starts[src]], [self.starts[dst]]])
            for (src, _, dst), index in graph.edge_index.items()
        ]
        self.edge_index = torch.cat(edges, 1)
        counts = torch.tensor([index.shape[1] for index in edges])
        self.edge_type = torch.arange(len(edges)).repeat_interleave(counts)
        self.convs = nn.ModuleList(RGCNConv(dim, dim, len(edges)) for _ in range(config.num_layers))

    def encode(self) -> Tensor:
        x = self.drop(torch.cat(list(self.inputs().values())))
        for conv in self.convs:
            x = self.drop(conv(x, self.edge_index, self.edge_type).relu())
        start = self.starts[self.graph.target]
        return x[start : start + self.graph.num_nodes[self.graph.target]]


class SparseRGCN(Peer):
    """The equations of R-GCN with ``SAGEConv`` on torch's CSR matrices (fused products)."""

    def __init__(self, graph: Graph, config: Any) -> None:
        super().__init__(graph, config)
        dim = config.hidden_dim
        self.adj_t = {
            key: _adjacency(index, graph.num_nodes[key[2]], graph.num_nodes[key[0]])
            for key, index in graph.edge_index.items()
        }
        self.convs = nn.ModuleList(
            HeteroConv(
                {
                    key: SAGEConv((dim, dim), dim, aggr="mean", root_weight=False, bias=False)
                    for key in self.adj_t
                },
                aggr="sum",
            )
            for _ in range(config.num_layers)
        )
        self.roots: Any = nn.ModuleList(
            nn.ModuleDict({key: nn.Linear(dim, dim) for key in self.types})
            for _ in range(config.num_layers)
        )

    def encode(self) -> Tensor:
        x = {key: self.drop(value) for key, value in self.inputs().items()}
        for conv, root in zip(self.convs, self.roots, strict=True):
            sums = conv(x, self.adj_t)
            own = {key: root[key](x[key]) for key in self.types}
            x = {
                key: self.drop((own[key] + sums[key] if key in sums else own[key]).relu())
                for key in self.types
            }
        return x[self.graph.target]


class HGT(Peer):
    """``HGTConv`` layers, as PyG's example for DBLP stacks them."""

    def __init__(self, graph: Graph, config: Any) -> None:
        super().__init__(graph, config)
        metadata = (list(self.types), list(graph.edge_index))
        dim = config.hidden_dim
        self.convs = nn.ModuleList(
            HGTConv(dim, dim, metadata, heads=config.num_heads) for _ in range(config.num_layers)
        )

    def encode(self) -> Tensor:
        x = {key: value.relu() for key, value in self.inputs().items()}
        for conv in self.convs:
            x = {key: self.drop(value) for key, value in conv(x, self.graph.edge_index).items()}
        return x[self.graph.target]


class HAN(Peer):
    """``HANConv`` on the graph of the target's meta-paths, as in PyG's example for IMDB."""

    def __init__(self, graph: Graph, config: Any) -> None:
        dim = config.num_heads * config.hidden_dim
        super().__init__(graph, config, types=[], dim=dim)
        target = graph.target
        self.edges = {
            (target, name, target): add_remaining_self_loops(
                index, num_nodes=graph.num_nodes[target]
            )[0]
            for name, index in graph.metapaths.items()
        }
        self.convs = nn.ModuleList(
            HANConv(
                graph.x[target].shape[1] if layer == 0 else dim,
                dim,
                ([target], list(self.edges)),
                heads=config.num_heads,
                dropout=config.attention_dropout,
            )
            for layer in range(config.num_layers)
        )

    def encode(self) -> Tensor:
        x = {self.graph.target: self.graph.x[self.graph.target]}
        for conv in self.convs:
            x = conv(x, self.edges)
        return x[self.graph.target]


PEERS: Mapping[str, Mapping[str, type[Peer]]] = {
    "mlp": {"Linear": MLP},
    "rgcn": {"RGCNConv": RGCN, "SAGEConv on CSR": SparseRGCN},
    "hgt": {"HGTConv": HGT},
    "han": {"HANConv": HAN},
    "latte": {"composed edges": ComposedLATTE, "hop by hop": HopLATTE},
}
"""Ways to write a model with PyG, by the model's name."""


def make_epoch(way: type[Peer], task: Task, config: Any) -> Callable[[], None]:
    """Builds a model and returns a function that trains one epoch: a step on all training nodes.

    Args:
        way: One of the classes in :data:`PEERS`.
        task: Graph, labels and training nodes.
        config: The configuration of hetgraph's model.
    """
    named = getattr(config, "metapaths", ())
    composed = {}
    if named:
        composed = metapath_relations(task.graph, task.dataset_name, task.spec.ends, named)
    peer = way(Graph.of(task, composed), config)
    rows = task.index("train")
    target = task.labels[rows]
    optimizer = make_optimizer(peer, TrainConfig())

    def epoch() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(task.criterion()(peer(rows), target))
        optimizer.step()

    peer.train()
    return epoch


def _adjacency(edge_index: Tensor, rows: int, cols: int) -> Tensor:
    """Returns the transposed adjacency matrix as torch's CSR tensor."""
    src, dst = edge_index
    index, ones = torch.stack([dst, src]), torch.ones(src.numel())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that the layout is in beta
        return torch.sparse_coo_tensor(index, ones, (rows, cols)).to_sparse_csr()


def _starts(num_nodes: Mapping[str, int]) -> dict[str, int]:
    starts, total = {}, 0
    for key, count in num_nodes.items():
        starts[key] = total
        total += count
    return starts
