"""Sets of nodes that become hyperedges: size limits, merging of equal sets, sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.data.quotient import equal_rows
from hetgraph.errors import ConfigError, DataError
from hetgraph.seeds import keyed_seed

__all__ = ["SetLimits", "hypergraph_of", "limit_sets"]


@dataclass(frozen=True)
class SetLimits:
    """Which sets become hyperedges.

    Args:
        min_size: Smaller sets are dropped.
        max_size: Limit above which ``oversize`` applies; ``None``: no limit.
        oversize: Whether larger sets are sampled down to ``max_size`` or skipped.
        max_edges: Maximum number of hyperedges per type, sampled if exceeded; ``None``: no limit.
        seed: Seed of both samples.

    Raises:
        ConfigError: If a value is out of range.
    """

    min_size: int = 2
    max_size: int | None = None
    oversize: Literal["sample", "skip"] = "sample"
    max_edges: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.min_size < 1:
            raise ConfigError(f"min_size is {self.min_size}, expected 1 or more.")
        if self.max_size is not None and self.max_size < self.min_size:
            raise ConfigError(
                f"max_size is {self.max_size}, expected {self.min_size} (min_size) or more."
            )
        if self.max_edges is not None and self.max_edges < 1:
            raise ConfigError(f"max_edges is {self.max_edges}, expected 1 or more.")
        if self.oversize not in ("sample", "skip"):
            raise ConfigError(f"oversize is {self.oversize!r}, expected 'sample' or 'skip'.")


def limit_sets(sets: CSR, limits: SetLimits, key: str, anchors: Tensor | None = None) -> CSR:
    """Drops, merges and samples the sets of one type.

    In this order: sets that are too small (or too large, with ``"skip"``) are dropped, the first
    of equal sets is kept, excess sets are dropped at random, and large sets are sampled.

    Args:
        sets: ``[num_sets, num_nodes]``; entries sorted, without duplicates.
        limits: The limits.
        key: Name of the sets; equal keys and seeds give equal samples.
        anchors: ``[num_sets]`` member of each set that its sample always keeps.
    """
    fits = sets.degree >= limits.min_size
    if limits.max_size is not None and limits.oversize == "skip":
        fits &= sets.degree <= limits.max_size
    chosen = fits.nonzero().squeeze(1)
    number = equal_rows(sets.rows(chosen))
    # Classes are numbered by first occurrence, so a set is new where the maximum grows.
    new = torch.cat([number[:1] >= 0, number[1:] > number.cummax(0).values[:-1]])
    chosen = chosen[new]
    generator = torch.Generator().manual_seed(keyed_seed("hyperedges", limits.seed, key))
    if limits.max_edges is not None and chosen.numel() > limits.max_edges:
        picked = torch.randperm(chosen.numel(), generator=generator)[: limits.max_edges]
        chosen = chosen[picked.sort().values]
    sets = sets.rows(chosen)
    if limits.max_size is None or not bool((sets.degree > limits.max_size).any()):
        return sets
    kept = None if anchors is None else anchors[chosen]
    return _sample_members(sets, limits.max_size, generator, kept)


def _sample_members(
    sets: CSR, size: int, generator: torch.Generator, anchors: Tensor | None
) -> CSR:
    """Keeps at most ``size`` members of each set: the anchor, and others drawn uniformly."""
    row, col = sets.coo()
    key = torch.rand(sets.nnz, generator=generator, dtype=torch.float64)
    if anchors is not None:
        key[col == anchors[row]] = 0.0
    order = (row + key).argsort()
    rank = torch.arange(sets.nnz) - sets.indptr.long()[row]  # rows are contiguous in both orders
    kept = order[rank < size]
    return CSR.from_coo(row[kept], col[kept], sets.shape)


def hypergraph_of(sets: Mapping[str, CSR], node_types: Mapping[str, int]) -> Hypergraph:
    """Joins the sets of all types in order; a type without sets keeps its name.

    Args:
        sets: ``[num_sets, num_nodes]`` by type name.
        node_types: Number of nodes by node type.

    Raises:
        DataError: If no set is left.
    """
    counts = [members.num_rows for members in sets.values()]
    if not sum(counts):
        raise DataError(
            "no set of nodes is within the limits, so the hypergraph would be empty; lower "
            "min_size, raise max_size or choose other relations."
        )
    starts = torch.tensor([0, *counts]).cumsum(0)[:-1].tolist()
    ends = [members.coo() for members in sets.values()]
    edges = torch.cat([row + start for (row, _), start in zip(ends, starts, strict=True)])
    return Hypergraph.from_pairs(
        torch.cat([col for _, col in ends]),
        edges,
        torch.repeat_interleave(torch.tensor(counts)),
        num_nodes=node_types,
        type_names=tuple(sets),
    )
