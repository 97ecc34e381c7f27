"""LATTE: layer-stacked attention over meta relations of growing length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data import CSR, Schema
from hetgraph.methods import Loss, RelevanceRow, Stage
from hetgraph.models.latte.attention import RelationAttention
from hetgraph.models.latte.build import Links
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.inputs import LATTEInputs, View, make_views
from hetgraph.models.latte.links import Link, compose, keep_attended
from hetgraph.models.latte.order import Features, Order, OrderOutput
from hetgraph.models.latte.proximity import proximity_loss
from hetgraph.models.latte.relations import OrderPlan, plan_orders
from hetgraph.models.latte.relevance import choice_rows
from hetgraph.nn import FeatureEncoder, FullGraphModel, GraphBatch, GraphInputs
from hetgraph.ops import dropout
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["LATTE"]


class LATTE(FullGraphModel):
    """Order t attends over the ends of t-step walks; the orders are stacked side by side.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "latte"
    Config: ClassVar[type[Any]] = LATTEConfig
    citation: ClassVar[str] = (
        "Tran, Gao. Layer-stacked attention for heterogeneous network embedding. 2020. "
        "arXiv:2009.08072"
    )
    search_space: ClassVar[Mapping[str, Any]] = {
        "num_orders": [1, 2, 3],
        "hidden_dim": [64, 128, 256],
        "dropout": {"low": 0.0, "high": 0.6},
        "head_dropout": {"low": 0.0, "high": 0.6},
        "attention_dropout": {"low": 0.0, "high": 0.5},
        "weighting": ["walks", "pattern"],
    }
    no_decay: ClassVar[tuple[str, ...]] = ("bias", "gamma", "embedding")

    config: LATTEConfig

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
        embedded = [one for one in names if not _has_vectors(schema, one)]
        given = [one for one in names if one not in embedded]
        width = config.hidden_dim
        self.features = FeatureEncoder(schema, spec, given if config.shared_input else [], width)
        self.embedding = FeatureEncoder(schema, spec, embedded, width)
        widths = dict.fromkeys(names, width)
        if not config.shared_input:
            widths |= {name: schema.node_types[name].dim for name in given}
        self.orders = nn.ModuleList(
            Order(plan, widths, frozenset(embedded), config) for plan in self.plans
        )
        stacked = config.num_orders if config.pooling == "concat" else 1
        self.make_head(stacked * width, config.head_dropout)
        self.reset_parameters()

    def _input_types(self) -> tuple[str, ...]:
        """Returns the types whose input is read, in schema order."""
        reading = self.plans if self.config.context == "input" else self.plans[:1]
        read = {*self.plans[0].outputs, *(name for plan in reading for name in plan.tails)}
        return tuple(name for name in self.schema.node_types if name in read)

    def reset_parameters(self) -> None:
        """Draws embeddings and the classifier, and with ``init="normal"`` all else anew."""
        for _, encoder in self.embedding.items():  # noqa: PERF102 - a TypeDict has no values()
            nn.init.normal_(encoder.weight)
        (classifier,) = (one for one in self.head.modules() if isinstance(one, nn.Linear))
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
        views = make_views(task, self.plans, self.config)
        moved: dict[int, View] = {id(one): one.to(self.device) for one in views.values()}
        return LATTEInputs.of(inputs, {split: moved[id(one)] for split, one in views.items()})

    def batches(
        self,
        inputs: GraphInputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[GraphBatch]:
        """Yields target nodes in batches, with the edges that the part may see."""
        return super().batches(
            _with_views(inputs).seen_by(split),
            split,
            stage=stage,
            batch_size=batch_size,
            generator=generator,
            shard=shard,
        )

    def training_step(self, batch: GraphBatch, *, stage: Stage) -> Loss:
        """Returns the loss on the nodes of the batch, and the proximity loss of the whole graph."""
        inputs = _with_views(batch.inputs)
        orders = self.compute(inputs)
        logits = self.head(self.pool(orders)[batch.rows]).float()
        count = batch.rows.numel()
        if not count:
            return Loss({"task": logits.sum() * 0}, 0)
        terms = {"task": self.loss(logits, inputs.labels[batch.rows])}
        if self.config.proximity:
            loss = proximity_loss(orders, self.config, visible=inputs.view.visible)
            terms["proximity"] = self.config.proximity * loss
        return Loss(terms, count)

    def predict(self, inputs: GraphInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, num_outputs]`` logits, from the edges it may see."""
        return super().predict(_with_views(inputs).seen_by(split), split)

    def embed(self, inputs: GraphInputs, split: str) -> Tensor:
        """Returns ``[num_nodes of the split, embed_dim]``, from the edges it may see."""
        return super().embed(_with_views(inputs).seen_by(split), split)

    def encode(self, inputs: GraphInputs) -> Tensor:
        """Returns ``[num_target_nodes, embed_dim]``: the orders side by side."""
        return self.pool(self.compute(_with_views(inputs)))

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
        hidden = [one.hidden[self.spec.target] for one in orders]
        if self.config.pooling == "concat":
            return torch.cat(hidden, 1)
        if self.config.pooling == "last":
            return hidden[-1]
        stacked = torch.stack(hidden)
        return stacked.mean(0) if self.config.pooling == "mean" else stacked.amax(0)

    def relevance(self, inputs: GraphInputs, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weight of each meta relation in the choice of the nodes, order by order.

        The weights of an order sum to one, with that of the node itself, ``"(self)"``; they are
        not comparable between orders. In the inductive setting all nodes are seen.

        Args:
            inputs: What :meth:`prepare` returned.
            classes: ``[num_target_nodes]`` classes, -1 for nodes to leave out.
        """
        views = _with_views(inputs)
        seen = views.seen_by(tuple(views.by_split)[-1])
        training = self.training
        self.eval()
        with torch.no_grad():
            orders = self.compute(seen)
        self.train(training)
        rows: list[RelevanceRow] = []
        for plan, done in zip(self.plans, orders, strict=True):
            for name, weights in done.choice.items():
                names = [one.text(self.schema) for one in plan.into(name)]
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
        for one in plan.relations:
            done, last = before.edges[one.prefix], view.relations[one.steps[-1]]
            assert done.weights is not None  # config.needs_weights
            strength = done.weights.detach().amax(1)
            kept = keep_attended(done.csr, strength, self.config.edge_threshold)
            cap = min(done.csr.nnz, last.nnz) if self.config.sample_edges else None
            product = compose(kept, last, "value")
            edges = CSR(product.indptr, product.indices, product.num_cols)
            links[one] = Link((edges,), product.weight, cap)
        return links


def _has_vectors(schema: Schema, node_type: str) -> bool:
    return schema.node_types[node_type].kind in ("dense", "sparse")


def _with_views(inputs: GraphInputs) -> LATTEInputs:
    assert isinstance(inputs, LATTEInputs)  # made by LATTE.prepare
    return inputs
