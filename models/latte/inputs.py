"""What LATTE reads: features, and for each part of the task the edges it may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.models.latte.build import Links, build_links, visible_relations
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.relations import OrderPlan
from hetgraph.nn import GraphInputs
from hetgraph.tasks import Task

__all__ = ["LATTEInputs", "View", "make_views"]


@dataclass(frozen=True, eq=False)
class View:
    """The edges that a part of the task may see.

    Args:
        links: The edges of each order's meta relations.
        relations: The edges of the graph's own relations, each once.
        visible: Ids of the visible nodes, for node types that hide some.
    """

    links: tuple[Links, ...]
    relations: Mapping[EdgeType, CSR]
    visible: Mapping[str, Tensor]

    def to(self, device: torch.device) -> View:
        """Returns the view on ``device``."""
        return View(
            tuple({one: link.to(device) for one, link in links.items()} for links in self.links),
            {key: one.to(device) for key, one in self.relations.items()},
            {key: ids.to(device) for key, ids in self.visible.items()},
        )


@dataclass(eq=False)
class LATTEInputs(GraphInputs):
    """The inputs of every method on whole graphs, and the views.

    Args:
        by_part: View of each part; one and the same for all in the transductive setting.
        split: The part whose view is read.
    """

    by_split: Mapping[str, View] = field(default_factory=dict)
    split: str = "train"

    @classmethod
    def of(cls, inputs: GraphInputs, by_split: Mapping[str, View]) -> LATTEInputs:
        """Adds views to the common inputs."""
        common = {one.name: getattr(inputs, one.name) for one in fields(GraphInputs)}
        return cls(**common, by_split=by_split)

    @property
    def view(self) -> View:
        """The edges that are read."""
        return self.by_split[self.split]

    def seen_by(self, split: str) -> LATTEInputs:
        """Returns the inputs as a part sees them."""
        return replace(self, split=split)


def make_views(task: Task, plans: Sequence[OrderPlan], config: LATTEConfig) -> dict[str, View]:
    """Returns the view of each part.

    In the inductive setting nodes of later parts are hidden from earlier ones; unlabelled nodes
    are always seen. A task without a test part cannot tell them from test nodes: they are hidden.

    Args:
        task: Graph and parts.
        plans: The orders.
        config: The settings.
    """
    target, parts = task.spec.target, task.open_splits()
    used = {step for plan in plans for one in plan.relations for step in one.steps}
    relations = {key: one for key, one in task.graph.relations.items() if key in used}

    def view(visible: Tensor | None) -> View:
        seen = visible_relations(relations, target, visible)
        ids = {} if visible is None else {target: visible.nonzero().squeeze(1)}
        return View(build_links(plans, seen, config), seen, ids)

    if not config.inductive:
        return dict.fromkeys(parts, view(None))
    views = {}
    visible = torch.ones(task.graph.num_nodes[target], dtype=torch.bool)
    if "test" not in parts:
        visible = torch.zeros_like(visible)
    for ids in parts.values():
        visible[ids] = False
    for split, ids in parts.items():  # train, valid, test
        visible[ids] = True
        views[split] = view(visible.clone())
    return views
