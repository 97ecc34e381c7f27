"""DiffGraph as a recommender: the views are what users did with items."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import Schema
from hetgraph.methods import Loss, RelevanceRow, Stage
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.cross_view import CrossViews, share_rows, view_shares
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.nn import PairBatch, PairInputs, PairwiseModel, bipartite_propagator, pair_table
from hetgraph.nn.propagator import Propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, TaskSpec

__all__ = ["DiffGraphRecommender"]


class DiffGraphRecommender(PairwiseModel):
    """Denoises what users did otherwise towards what they bought, users and items apart.

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    name: ClassVar[str] = "diffgraph"
    Config: ClassVar[type[Any]] = DiffGraphConfig

    config: DiffGraphConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: DiffGraphConfig) -> None:
        super().__init__(schema, spec, config)
        others = [
            one
            for one in schema.edge_types
            if (one.src, one.dst) == (self.key.src, self.key.dst) and one != self.key
        ]
        self.behaviours = [self.key] if config.fusion == "none" else [self.key, *others]
        self.table = pair_table(self.num_users, self.num_items, config.hidden_dim)
        self.cross_views = CrossViews(config, 2) if len(self.behaviours) > 1 else None

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> PairInputs:
        """Normalises the graph of users and items of every behaviour."""
        inputs = super().prepare(task, seeds=seeds, workdir=workdir)
        inputs.propagators = [bipartite_propagator(inputs.behaviours[k]) for k in self.behaviours]
        return inputs

    def vectors(self, inputs: PairInputs) -> Tensor:
        """Returns ``[num_users + num_items, hidden_dim]``: target view and what was generated."""
        target, *others = self._encoded(inputs)
        return target if not others else target + self._generated(others)

    def training_step(self, batch: PairBatch, *, stage: Stage) -> Loss:
        """Returns BPR, the penalty on the vectors of the batch, and the loss of the diffusion.

        As published, the sums of the first two are divided by the batch size that was asked for,
        also where the last batch is smaller.
        """
        start = self.num_users
        nodes, places = torch.unique(
            torch.cat([batch.users, start + batch.items, start + batch.negatives]),
            return_inverse=True,
        )
        encoded = self._encoded(batch.inputs, nodes)
        fused, error = self._fused(encoded, int((nodes < start).sum()))
        count = batch.users.numel()
        of_user, of_item, of_negative = places.view(3, count).unbind()
        user, item, negative = fused[of_user], fused[of_item], fused[of_negative]
        scale = 1 / batch.size
        difference = (user * (item - negative)).sum(1)
        lengths = torch.stack([one.square().sum() for one in (user, item, negative)]).sum()
        terms = {
            "bpr": -F.logsigmoid(difference).sum() * scale,
            "decay": lengths * scale * self.config.output_decay,
        }
        if error is not None:
            both = error[of_user].sum() + error[of_item].sum()
            terms["diffusion"] = both / max(count, 1) * self.config.diffusion_weight
        return Loss(terms, count)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the share of each behaviour in the vectors of users and of items.

        See :func:`view_shares`; classes make no difference.
        """
        training = self.training
        self.eval()
        with torch.no_grad():
            encoded = self._encoded(inputs)
            made = self._generated(encoded[1:]) if len(encoded) > 1 else None
            shares = view_shares(encoded, made)
        self.train(training)
        users, items = self.key.src, self.key.dst
        names = [one.name for one in self.behaviours]
        return [
            *share_rows(users, names, shares[: self.num_users], source=items),
            *share_rows(items, names, shares[self.num_users :], source=users),
        ]

    def _encoded(self, inputs: PairInputs, rows: Tensor | None = None) -> list[Tensor]:
        """Vectors of nodes (all by default) by each behaviour."""
        config = self.config
        return [
            encode_view(Propagator((one,)), self.table, config.num_layers, config.feed, rows)
            for one in inputs.propagators
        ]

    def _fused(self, encoded: list[Tensor], num_users: int) -> tuple[Tensor, Tensor | None]:
        """Target view and what was generated, and the error of each node; users come first."""
        target, *others = encoded
        if self.cross_views is None:
            return target, None
        sizes = (num_users, len(target) - num_users)
        made, error = self.cross_views(target, torch.stack(others).sum(0), sizes)
        return target + made, error

    def _generated(self, others: list[Tensor]) -> Tensor:
        """What is added to the target view in use, for all nodes."""
        assert self.cross_views is not None  # there are others
        sizes = (self.num_users, self.num_items)
        return self.cross_views.generate(torch.stack(others).sum(0), sizes)
