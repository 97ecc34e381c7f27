"""What LATTE reads: features, and for each split of the task the edges it may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError
from hetgraph.methods import GraphInputs
from hetgraph.models.latte.build import Links, build_links, visible_relations
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.relations import OrderPlan
from hetgraph.tasks import Task

__all__ = ["LATTEInputs", "View", "make_views"]


@dataclass(frozen=True, eq=False)
class View:
    """The edges that a split of the task may see.

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
            tuple(
                {relation: link.to(device) for relation, link in links.items()}
                for links in self.links
            ),
            {key: relation.to(device) for key, relation in self.relations.items()},
            {key: ids.to(device) for key, ids in self.visible.items()},
        )


@dataclass(eq=False)
class LATTEInputs(GraphInputs):
    """The inputs of every method on whole graphs, and the views.

    Args:
        by_split: View of each split; one and the same for all in the transductive setting.
        split: The split whose view is read.
    """

    by_split: Mapping[str, View] = field(default_factory=dict)
    split: str = "train"

    @classmethod
    def of(cls, inputs: GraphInputs, by_split: Mapping[str, View]) -> LATTEInputs:
        """Adds views to the common inputs."""
        common = {given.name: getattr(inputs, given.name) for given in fields(GraphInputs)}
        return cls(**common, by_split=by_split)

    @property
    def view(self) -> View:
        """The edges that are read."""
        return self.by_split[self.split]

    def seen_by(self, split: str) -> LATTEInputs:
        """Returns the inputs as a split sees them."""
        return replace(self, split=split)


def make_views(
    task: Task, target: str, plans: Sequence[OrderPlan], config: LATTEConfig
) -> dict[str, View]:
    """Returns the view of each split.

    In the inductive setting nodes of later splits are hidden from earlier ones; unlabelled nodes
    are always seen. A task without a test split cannot tell them from test nodes: they are hidden.

    Args:
        task: Graph and splits.
        target: Node type whose vectors are wanted.
        plans: The orders.
        config: The settings.

    Raises:
        ConfigError: If nodes are to be hidden, but the task is about pairs.
        DataError: If an edge weight that is read is negative.
    """
    splits = task.open_splits()
    if config.inductive and task.spec.edge_types:
        raise ConfigError(
            "model.inductive hides the nodes of later splits, but this task is about pairs; set it "
            "to false."
        )
    used = {step for plan in plans for relation in plan.relations for step in relation.steps}
    relations = {key: edges for key, edges in task.graph.relations.items() if key in used}

    def view(visible: Tensor | None) -> View:
        seen = visible_relations(relations, target, visible, edge_weights=config.edge_weights)
        ids = {} if visible is None else {target: visible.nonzero().squeeze(1)}
        return View(build_links(plans, seen, config), seen, ids)

    if not config.inductive:
        return dict.fromkeys(splits, view(None))
    views = {}
    visible = torch.ones(task.graph.num_nodes[target], dtype=torch.bool)
    if "test" not in splits:
        visible = torch.zeros_like(visible)
    for ids in splits.values():
        visible[ids] = False
    for split, ids in splits.items():  # train, valid, test
        visible[ids] = True
        views[split] = view(visible.clone())
    return views
