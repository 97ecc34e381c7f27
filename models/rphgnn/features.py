"""What propagates: given features, or Gaussian noise for types without any."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from hetgraph.data import CSR, HeteroGraph
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.products import Matrix
from hetgraph.seeds import Seeds
from hetgraph.tasks import TrainedNodes

__all__ = ["SPARSE_DENSITY", "input_matrices", "input_matrix", "noise"]

SPARSE_DENSITY = 0.05
"""Features with a smaller fraction of non-zeros are kept sparse in the first round."""


def noise(num_nodes: int, dim: int, generator: torch.Generator) -> Tensor:
    """Returns ``[num_nodes, dim]`` entries of N(0, 1/dim): rows of expected norm one."""
    return torch.randn(num_nodes, dim, generator=generator).mul_(1 / math.sqrt(dim))


def input_matrix(
    graph: HeteroGraph,
    node_type: str,
    noise_dim: int,
    seeds: Seeds,
    *,
    sparse: bool = True,
    trained: TrainedNodes | None = None,
) -> Matrix:
    """Returns the input of one type as float32: its features, one-hot codes or noise.

    Args:
        graph: The graph.
        node_type: One of its types.
        noise_dim: Dimension of the noise.
        seeds: ``seeds.projection`` draws the noise; each type has a stream of its own.
        sparse: Whether matrices with few non-zeros are returned as :class:`CSR`.
        trained: Where the nodes stood in training, if it was on another graph: noise is kept.
    """
    spec = graph.schema.node_types[node_type]
    if not spec.dim:  # nothing, text alone, or features without a column
        generator = seeds.generator("projection", "rphgnn", "noise", node_type)
        if trained is None:
            return noise(graph.num_nodes[node_type], noise_dim, generator)
        return _noise_as_trained(trained, noise_dim, generator)
    given = graph.features[node_type]
    if spec.kind == "categorical" and isinstance(given, Tensor):
        given = _one_hot(given, spec.dim)
    if isinstance(given, CSR):
        weight = None if given.weight is None else given.weight.float()
        few = given.nnz < SPARSE_DENSITY * given.num_rows * given.num_cols
        return given.with_weight(weight) if sparse and few else given.to_dense(torch.float32)
    dense = given.float()
    few = int(torch.count_nonzero(dense)) < SPARSE_DENSITY * dense.numel() if sparse else False
    return CSR.from_dense(dense) if few else dense


def _noise_as_trained(trained: TrainedNodes, dim: int, generator: torch.Generator) -> Tensor:
    """Returns the noise that nodes had in training; new nodes get rows that follow."""
    known, new = noise(trained.count, dim, generator), trained.rows < 0
    drawn = torch.empty(trained.rows.numel(), dim)
    drawn[~new] = known[trained.rows[~new]]
    drawn[new] = noise(int(new.sum()), dim, generator)
    return drawn


def input_matrices(
    graph: HeteroGraph,
    layout: Layout,
    seeds: Seeds,
    node_types: Iterable[str],
    trained: Callable[[str], TrainedNodes | None] = lambda _: None,
) -> dict[str, Matrix]:
    """Returns the inputs of several types on the device of the graph; sparse ones on the CPU.

    Args:
        graph: The graph, on the device.
        layout: Groups and dims.
        seeds: ``seeds.projection`` draws the noise.
        node_types: The types.
        trained: Tells where the nodes of a type without features stood in training.
    """
    config, device = layout.config, graph.device
    sparse = config.sparse_first and device.type == "cpu"
    return {
        name: input_matrix(
            graph,
            name,
            config.noise_dim,
            seeds,
            sparse=sparse,
            trained=None if graph.schema.node_types[name].dim else trained(name),
        ).to(device)
        for name in node_types
    }


def _one_hot(codes: Tensor, dim: int) -> CSR:
    known = (codes >= 0).nonzero().squeeze(1)
    return CSR.from_coo(known, codes[known].long(), (codes.numel(), dim))
