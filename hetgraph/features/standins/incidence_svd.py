"""Singular vectors of the incidence of a type with its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.errors import DataError
from hetgraph.features.standins._incidence import Incidence, incidences
from hetgraph.features.standins._keys import check_identity, identity, node_keys, places
from hetgraph.features.standins.base import StandInKind
from hetgraph.features.store import content_digest, stored
from hetgraph.features.svd import NEGLIGIBLE, right_vectors, unit_sums
from hetgraph.ops import spmm, unit_rows
from hetgraph.seeds import keyed_seed

__all__ = ["IncidenceSVD"]

_VERSION = 1  # to be incremented when the factors of the same edges change


class IncidenceSVD(StandInKind):
    """Unit vectors of the nodes along the leading right singular vectors of their incidence.

    The incidences with the neighbours of all relations stand side by side, one row per node, scaled
    to absolute sums of one: ``A = U S V^T``. The vector of a node is its row times ``V``, scaled to
    length one, so a new node gets its vector from its edges and the same ``V`` (Deerwester et al.,
    JASIS 1990, "folding in"). Neighbours that were not there at fitting are left out; a node
    without any other, or whose row is orthogonal to ``V``, gets zeros.
    """

    name: ClassVar[str] = "incidence-svd"
    reads_edges: ClassVar[bool] = True

    def fit(self, graph: HeteroGraph, node_type: str, dim: int, seed: int) -> StandIn:
        """Computes the right singular vectors of each relation; cached on disk by content."""
        found = list(incidences(graph, node_type))
        joint = unit_sums(_side_by_side(found, graph.num_nodes[node_type]))
        tensors = [joint.indptr.long(), joint.indices.long(), joint.weight]
        key = [_VERSION, dim, seed, joint.num_cols, content_digest(*tensors)]
        generator = torch.Generator().manual_seed(keyed_seed("stand-in", "svd", seed))
        right = stored("standin-svd", key, lambda: right_vectors(joint, dim, generator))
        blocks: list[dict[str, str]] = []
        fitted: dict[str, Tensor] = {}
        pieces = torch.split(right, [incidence.matrix.num_cols for incidence in found])
        for number, (incidence, piece) in enumerate(zip(found, pieces, strict=True)):
            fitted[f"right.{number}"] = piece.clone()
            fitted[f"keys.{number}"] = node_keys(graph, incidence.neighbour)
            by = identity(graph, incidence.neighbour)
            blocks.append({"relation": incidence.label, "by": by})
        return StandIn(self.name, dim, seed, {"blocks": blocks}, fitted)

    def vectors(self, graph: HeteroGraph, node_type: str, standin: StandIn) -> Tensor:
        """Folds in the nodes of a graph by their edges."""
        here = {incidence.label: incidence for incidence in incidences(graph, node_type)}
        total = torch.zeros(graph.num_nodes[node_type], standin.dim)
        squares = torch.zeros(graph.num_nodes[node_type])
        for number, block in enumerate(standin.state["blocks"]):
            if (label := block["relation"]) not in here:
                known = ", ".join(here) or "no relation"
                raise DataError(
                    f"the stand-in of {node_type!r} reads the relation {label!r}, which this graph "
                    f"lacks; it has {known}."
                )
            incidence = here[label]
            check_identity(graph, incidence.neighbour, block["by"])
            right = standin.tensors[f"right.{number}"]
            place = places(node_keys(graph, incidence.neighbour), standin.tensors[f"keys.{number}"])
            rows = right[place.clamp(min=0)] if right.shape[0] else right.new_zeros(1, standin.dim)
            total += spmm(incidence.matrix, torch.where((place >= 0).unsqueeze(1), rows, 0.0))
            squares.index_add_(0, incidence.matrix.row_ids, _weights(incidence.matrix).square())
        # What is left of a row that is orthogonal to the vectors is rounding, not a direction.
        real = total.norm(dim=1) > NEGLIGIBLE * squares.sqrt()
        return unit_rows(torch.where(real.unsqueeze(1), total, 0.0))


def _side_by_side(found: Sequence[Incidence], num_rows: int) -> CSR:
    """Returns ``[num_rows, neighbours of all relations]``."""
    rows, cols, weights, offset = [], [], [], 0
    for incidence in found:
        matrix = incidence.matrix
        rows.append(matrix.row_ids)
        cols.append(matrix.indices.long() + offset)
        weights.append(_weights(matrix))
        offset += matrix.num_cols
    nothing = torch.zeros(0, dtype=torch.int64)
    return CSR.from_coo(
        torch.cat([nothing, *rows]),
        torch.cat([nothing, *cols]),
        (num_rows, offset),
        torch.cat([torch.zeros(0), *weights]),
    )


def _weights(matrix: CSR) -> Tensor:
    return torch.ones(matrix.nnz) if matrix.weight is None else matrix.weight
