"""From the relations of a graph to the links of every order, made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.links import (
    Link,
    compose,
    compose_means,
    log_range,
    pattern_of,
    select,
    weigh_walks,
    weighted_pattern_of,
)
from hetgraph.models.latte.relations import MetaRelation, OrderPlan

__all__ = ["Links", "build_links", "visible_relations"]

Links = Mapping[MetaRelation, Link]


def build_links(
    plans: Sequence[OrderPlan], relations: Mapping[EdgeType, CSR], config: LATTEConfig
) -> tuple[Links, ...]:
    """Returns the links of each order.

    Orders whose edges depend on the attention of the order before get none here.

    Args:
        plans: The orders.
        relations: The edges of each relation, each once.
        config: ``weighting``, ``factorize``, ``sample_edges``, ``proximity``, ``carry``.
    """
    builder = _Builder(relations, config)
    orders: list[Links] = []
    for plan in plans:
        fixed = plan.order == 1 or config.carry == "value"
        orders.append(
            {relation: builder.link(relation) for relation in plan.relations} if fixed else {}
        )
    return tuple(orders)


def visible_relations(
    relations: Mapping[EdgeType, CSR],
    target: str,
    visible: Tensor | None,
    *,
    edge_weights: bool = False,
) -> dict[EdgeType, CSR]:
    """Returns the edges of each relation, each once, without those of hidden target nodes.

    Args:
        relations: All edges.
        target: The type that may have hidden nodes.
        visible: ``[num_target_nodes]`` bool; ``None`` hides nothing.
        edge_weights: Whether to keep weights.

    Raises:
        DataError: If a weight that is kept is negative.
    """
    seen: dict[EdgeType, CSR] = {}
    for key, edges in relations.items():
        if visible is not None and target in (key.src, key.dst):
            rows, cols = edges.coo()
            kept = torch.ones_like(rows, dtype=torch.bool)
            if key.dst == target:
                kept &= visible[rows]
            if key.src == target:
                kept &= visible[cols]
            edges = select(edges, kept.nonzero().squeeze(1))
        seen[key] = weighted_pattern_of(edges, str(key)) if edge_weights else pattern_of(edges)
    return seen


@dataclass
class _Builder:
    """Composes each meta relation once, whatever longer ones need it too."""

    relations: Mapping[EdgeType, CSR]
    config: LATTEConfig
    products: dict[MetaRelation, CSR] = field(default_factory=dict)
    weighted: dict[MetaRelation, CSR] = field(default_factory=dict)

    def link(self, relation: MetaRelation) -> Link:
        """Returns the link of a meta relation, as a chain where the settings allow one."""
        factors = tuple(self.relations[step] for step in relation.steps)
        bound = log_range(factors)
        if len(factors) == 1:
            return Link(factors, factors[0].weight, log_range=bound)
        if self.config.weighting == "walks":
            return Link(weigh_walks(factors), log_range=bound)
        if self.config.may_factorize and Link(factors).has_single_walks:
            return Link(factors, log_range=bound)
        edges = self._edges(relation)
        if not self.config.needs_values:
            return Link((edges,), log_range=bound)
        cap = None
        if self.config.sample_edges:
            cap = min(self._product(relation.prefix).nnz, factors[-1].nnz)
        return Link((edges,), self._product(relation).weight, cap, bound)

    def _edges(self, relation: MetaRelation) -> CSR:
        """Returns the composed edges with their weights, or none where all are one."""
        edges = [self.relations[step] for step in relation.steps]
        if len(edges) == 1:
            return edges[0]
        if all(relation.weight is None for relation in edges):
            product = self._product(relation)
            return CSR(product.indptr, product.indices, product.num_cols)
        if relation not in self.weighted:
            self.weighted[relation] = compose_means(self._edges(relation.prefix), edges[-1])
        return self.weighted[relation]

    def _product(self, relation: MetaRelation) -> CSR:
        if len(relation.steps) == 1:
            return self.relations[relation.steps[0]]
        if relation not in self.products:
            last = self.relations[relation.steps[-1]]
            self.products[relation] = compose(self._product(relation.prefix), last)
        return self.products[relation]
