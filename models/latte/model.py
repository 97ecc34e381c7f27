"""LATTE: layer-stacked attention over meta relations of growing length."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import CSR, HeteroGraph, Schema
from hetgraph.methods import (
    OPTIMIZER_SPACE,
    Batch,
    Encoded,
    RelevanceRow,
    WholeGraphEncoder,
    seed_rows,
)
from hetgraph.models.latte.attention import RelationAttention
from hetgraph.models.latte.build import Links
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.inputs import LATTEInputs, View, make_views
from hetgraph.models.latte.links import Link, attended, compose, compose_means, select
from hetgraph.models.latte.order import Features, Order, OrderOutput
from hetgraph.models.latte.proximity import proximity_loss
from hetgraph.models.latte.relations import OrderPlan, plan_orders
from hetgraph.models.latte.relevance import choice_rows
from hetgraph.nn import FeatureEncoder
from hetgraph.ops import dropout
from hetgraph.seeds import Seeds
from hetgraph.tasks import Head, Task, TaskSpec

__all__ = ["LATTE"]


class LATTE(WholeGraphEncoder):
    """Order t attends over the ends of t-step walks; the orders are stacked side by side.

    Args:
        schema: What the graph is made of.
        spec: ``spec.target`` is the type whose vectors are asked for.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "latte"
    Config: ClassVar[type[Any]] = LATTEConfig
    uses: ClassVar[frozenset[str]] = frozenset({"edge_weight", "features"})
    citation: ClassVar[str] = (
        "Tran, Gao. Layer-stacked attention for heterogeneous network embedding. 2020. "
        "arXiv:2009.08072"
    )
    train_defaults: ClassVar[Mapping[str, Any]] = {
        "lr": 0.003,
        "weight_decay": 0.003,
        "max_epochs": 250,
    }
    standins: ClassVar[str] = "auto"
    search_space: ClassVar[Mapping[str, Any]] = {
        **OPTIMIZER_SPACE,
        "num_orders": [1, 2, 3],
        "hidden_dim": [64, 128, 256],
        "dropout": {"low": 0.0, "high": 0.6},
        "head_dropout": {"low": 0.0, "high": 0.6},
        "attention_dropout": {"low": 0.0, "high": 0.5},
        "weighting": ["walks", "pattern"],
    }
    no_decay: ClassVar[tuple[str, ...]] = (
        *("bias", "head_bias", "tail_bias"),
        *("gamma", "embedding"),
    )

    one_type: ClassVar[bool] = True

    config: LATTEConfig

    @classmethod
    def reads(cls, config: Any, graph: HeteroGraph) -> frozenset[str]:
        """Returns all of ``uses``; edge weights if the settings ask for them."""
        return cls.uses if config.edge_weights else cls.uses - {"edge_weight"}

    def __init__(self, schema: Schema, spec: TaskSpec, config: LATTEConfig) -> None:
        super().__init__(schema, spec, config)
        self.plans = plan_orders(
            schema,
            spec.target,
            config.num_orders,
            context=config.context,
            scope=config.scope,
        )
        names = self._input_types()
        embedded = [name for name in names if not _has_vectors(schema, name)]
        given = [name for name in names if name not in embedded]
        dim = config.hidden_dim
        self.features = FeatureEncoder(
            schema, spec.num_nodes, given if config.shared_input else [], dim
        )
        self.embedding = FeatureEncoder(schema, spec.num_nodes, embedded, dim)
        dims = dict.fromkeys(names, dim)
        if not config.shared_input:
            dims |= {name: schema.node_types[name].dim for name in given}
        self.orders = nn.ModuleList(
            Order(plan, dims, frozenset(embedded), config) for plan in self.plans
        )
        stacked = config.num_orders if config.pooling == "concat" else 1
        self.dim, self.decoder_dropout = stacked * dim, config.head_dropout

    def _input_types(self) -> tuple[str, ...]:
        """Returns the types whose input is read, in schema order."""
        reading = self.plans if self.config.context == "input" else self.plans[:1]
        read = {*self.plans[0].outputs, *(name for plan in reading for name in plan.tails)}
        return tuple(name for name in self.schema.node_types if name in read)

    def initialise(self, head: Head[Any, Any]) -> None:
        """Draws embeddings and the classifier, and with ``init="normal"`` all else anew."""
        for _, encoder in self.embedding.items():  # noqa: PERF102 - a TypeDict has no values()
            nn.init.normal_(encoder.weight)
        if not self.spec.edge_types:  # a head of pairs draws its own
            (classifier,) = (layer for layer in head.modules() if isinstance(layer, nn.Linear))
            nn.init.xavier_uniform_(classifier.weight)
            nn.init.zeros_(classifier.bias)
        if self.config.init == "normal":
            self._draw_normal()

    def _draw_normal(self) -> None:
        gain = nn.init.calculate_gain("relu")
        for name, parameter in self.named_parameters():
            if name.endswith(".weight") and name.startswith(("features.", "orders.")):
                nn.init.xavier_normal_(parameter, 1.0 if ".choice." in name else gain)
        gain = nn.init.calculate_gain("leaky_relu", 0.2)
        for module in self.modules():
            if isinstance(module, RelationAttention):
                for vector in (module.tail, module.head):
                    if vector is not None:
                        nn.init.xavier_normal_(vector, gain)

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> LATTEInputs:
        """Composes the edges of all meta relations; see :func:`make_views`."""
        inputs = super().prepare(task, seeds=seeds, workdir=workdir)
        views = make_views(task, self.spec.target, self.plans, self.config)
        moved: dict[int, View] = {id(view): view.to(self.device) for view in views.values()}
        return LATTEInputs.of(inputs, {split: moved[id(view)] for split, view in views.items()})

    def forward(self, batch: Batch) -> Encoded:
        """Returns the orders side by side at the seeds, from the edges their split may see."""
        inputs: LATTEInputs = batch.inputs
        seen = inputs.seen_by(batch.split)
        orders = self.compute(seen)
        pooled = {self.spec.target: self.pool(orders)}
        return Encoded(seed_rows(pooled, batch.seeds), (orders, seen))

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the proximity loss of the whole graph."""
        if not self.config.proximity:
            return {}
        orders, seen = encoded.kept
        loss = proximity_loss(orders, self.config, visible=seen.view.visible)
        return {"proximity": self.config.proximity * loss}

    def vectors(self, inputs: LATTEInputs) -> dict[str, Tensor]:
        """Returns ``[num_target_nodes, dim]``: the orders side by side."""
        return {self.spec.target: self.pool(self.compute(inputs))}

    def compute(self, inputs: LATTEInputs) -> list[OrderOutput]:
        """Returns what every order computes, the first order first."""
        x = self._read(inputs)
        done: list[OrderOutput] = []
        for plan, order, links in zip(self.plans, self.orders, inputs.view.links, strict=True):
            if done and self.config.carry == "attention":
                links = self._lengthen(plan, done[-1], inputs.view)
            done.append(order(x, done[-1].hidden if done else {}, links))
        return done

    def pool(self, orders: list[OrderOutput]) -> Tensor:
        """Returns the representation of the target nodes from those of all orders."""
        hidden = [order.hidden[self.spec.target] for order in orders]
        if self.config.pooling == "concat":
            return torch.cat(hidden, 1)
        if self.config.pooling == "last":
            return hidden[-1]
        stacked = torch.stack(hidden)
        return stacked.mean(0) if self.config.pooling == "mean" else stacked.amax(0)

    def relevance(self, inputs: LATTEInputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weight of each meta relation in the choice of the nodes, order by order.

        The weights of an order sum to one, with that of the node itself, ``"(self)"``; they are
        not comparable between orders. In the inductive setting all nodes are seen.

        Args:
            inputs: What :meth:`prepare` returned.
            classes: ``[num_target_nodes]`` classes, -1 for nodes to leave out.
        """
        orders = self.compute(inputs.seen_by(tuple(inputs.by_split)[-1]))
        rows: list[RelevanceRow] = []
        for plan, done in zip(self.plans, orders, strict=True):
            for name, weights in done.choice.items():
                names = [relation.text(self.schema) for relation in plan.into(name)]
                own = classes if name == self.spec.target else None
                rows += choice_rows(name, plan.order - 1, names, weights, own)
        return rows

    def _read(self, inputs: LATTEInputs) -> dict[str, Features]:
        """Returns the input of each node type: projected, learned, or as it is."""
        p, training = self.config.dropout, self.training
        learned = self.embedding(inputs.features)
        if not self.config.shared_input:
            raw = {name: inputs.features[name] for name in self._input_types()}
            return {**{k: x for k, x in raw.items() if x is not None}, **learned}
        projected = {name: F.relu(x) for name, x in self.features(inputs.features).items()}
        return {name: dropout(x, p, training) for name, x in (projected | learned).items()}

    def _lengthen(self, plan: OrderPlan, before: OrderOutput, view: View) -> Links:
        """Returns the links of an order, composed of the edges that the one before attended to."""
        links = {}
        for relation in plan.relations:
            done, last = before.edges[relation.prefix], view.relations[relation.steps[-1]]
            assert done.weights is not None  # config.needs_weights
            strength = done.weights.detach().amax(1)
            chosen = attended(strength, self.config.edge_threshold)
            kept = select(done.csr.with_weight(strength), chosen)
            # The cap counts what is left to be lengthened, not what was attended to.
            cap = min(kept.nnz, last.nnz) if self.config.sample_edges else None
            product = compose(kept, last, "value")
            edges = CSR(product.indptr, product.indices, product.num_cols)
            if done.csr.weight is not None or last.weight is not None:
                edges = compose_means(select(done.csr, chosen), last)
            links[relation] = Link((edges,), product.weight, cap)
        return links


def _has_vectors(schema: Schema, node_type: str) -> bool:
    given = schema.node_types[node_type]
    return given.dim > 0 and given.kind in ("dense", "sparse")
