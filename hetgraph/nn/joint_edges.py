"""What the entries of a joint graph carry beside their type: weights, features, times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.nn.edge_inputs import EdgeInputs
from hetgraph.nn.edge_maps import EdgeMaps
from hetgraph.ops import spmm

__all__ = ["JointEdges"]


@dataclass(frozen=True, eq=False)
class JointEdges:
    """What the entries of a joint graph carry; self-loops carry nothing and have weight 1.

    Args:
        log_weight: ``[nnz]``, or ``None`` if it is zero everywhere.
        inputs: Inputs of the relations that have values.
        places: By relation the ``[num_edges]`` entry of the joint graph that each edge is.
        chosen: ``[nnz, edges of all these]``: row e has one entry, at the edge that entry e is, if
            it is one of these. Scores by edge are thus brought into the order of the entries.
    """

    log_weight: Tensor | None
    inputs: Mapping[EdgeType, EdgeInputs]
    places: Mapping[EdgeType, Tensor]
    chosen: CSR

    @classmethod
    def join(
        cls,
        edge_types: Sequence[EdgeType],
        kind: Tensor,
        edges: Mapping[EdgeType, EdgeInputs],
    ) -> Self | None:
        """Brings what edges carry into the order of the entries; ``None`` if it is nothing.

        Args:
            edge_types: The relations of the joint graph.
            kind: ``[nnz]`` position of each entry's relation among them.
            edges: What the edges of each relation carry.
        """
        # Both are sorted by destination, then source, with parallel edges in their order.
        places = {
            key: (kind == at).nonzero().squeeze(1)
            for at, key in enumerate(edge_types)
            if key in edges
        }
        weights = {key: edge.log_weight for key, edge in edges.items() if key in places}
        log_weight = None
        if any(weight is not None for weight in weights.values()):
            log_weight = torch.zeros(kind.numel())
            for key, weight in weights.items():
                if weight is not None:
                    log_weight[places[key]] = weight
        valued = {key: edges[key] for key in places if edges[key].values is not None}
        if log_weight is None and not valued:
            return None
        rows = torch.cat([places[key] for key in valued] or [kind.new_empty(0)])
        chosen = CSR.from_coo(rows, torch.arange(rows.numel()), (kind.numel(), rows.numel()))
        return cls(log_weight, valued, {key: places[key] for key in valued}, chosen)

    def scores(self, maps: EdgeMaps) -> Tensor | None:
        """Returns what the inputs add to the scores, ``[nnz, heads]``; ``None`` without any.

        Args:
            maps: The maps of a layer; relations without one add nothing.
        """
        if not maps:
            return None
        made = [
            maps[key].scores(edge)
            if key in maps
            else torch.zeros(edge.relation.nnz, maps.num_heads, device=self.chosen.device)
            for key, edge in self.inputs.items()
        ]
        return spmm(self.chosen, torch.cat(made))

    def messages(self, maps: EdgeMaps, alpha: Tensor, spans: Mapping[str, slice]) -> Tensor | None:
        """Returns what the inputs add to the messages, ``[num_nodes, heads, head_dim]``.

        Args:
            maps: The maps of a layer; relations without one add nothing.
            alpha: ``[nnz, heads]`` attention weights.
            spans: Rows of each node type.
        """
        by_type: dict[str, Tensor] = {}
        for key, edge in self.inputs.items():
            if key in maps:
                sent = maps[key].messages(edge, alpha.index_select(0, self.places[key]))
                by_type[key.dst] = by_type[key.dst] + sent if key.dst in by_type else sent
        if not by_type:
            return None
        like = next(iter(by_type.values()))
        return torch.cat(
            [
                by_type[name]
                if name in by_type
                else like.new_zeros(span.stop - span.start, *like.shape[1:])
                for name, span in spans.items()
            ]
        )

    def to(self, device: torch.device | str) -> Self:
        """Returns the edges on ``device``."""
        weight = self.log_weight
        return type(self)(
            None if weight is None else weight.to(device),
            {key: edge.to(device) for key, edge in self.inputs.items()},
            {key: place.to(device) for key, place in self.places.items()},
            self.chosen.to(device),
        )
