"""DiffGraph as a recommender: the views are the behaviours of users towards items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hetgraph.data import CSR, Schema
from hetgraph.methods import Batch, Encoded, Encoder, RelevanceRow, arriving_label
from hetgraph.models.diffgraph.config import DiffGraphConfig
from hetgraph.models.diffgraph.cross_view import CrossViews, fraction_rows, view_fractions
from hetgraph.models.diffgraph.encoder import encode_view
from hetgraph.nn import bipartite_propagator, pair_table
from hetgraph.nn.propagator import Propagator
from hetgraph.seeds import Seeds
from hetgraph.tasks import PairSamples, Task, TaskSpec

__all__ = ["Behaviours"]


class Behaviours(Encoder):
    """Denoises the other behaviours towards the one to predict, users and items separately.

    Args:
        schema: What the graph is made of.
        spec: Its relation is the behaviour to predict.
        config: The hyper-parameters.
    """

    config: DiffGraphConfig

    def __init__(self, schema: Schema, spec: TaskSpec, config: DiffGraphConfig) -> None:
        super().__init__(schema, spec, config)
        self.key = spec.edge_types[0]
        self.num_users = spec.num_nodes[self.key.src]
        self.num_items = spec.num_nodes[self.key.dst]
        others = [
            key
            for key in schema.edge_types
            if (key.src, key.dst) == (self.key.src, self.key.dst) and key != self.key
        ]
        self.behaviours = [self.key] if config.fusion == "none" else [self.key, *others]
        self.table = pair_table(self.num_users, self.num_items, config.hidden_dim)
        self.cross_views = CrossViews(config, 2) if len(self.behaviours) > 1 else None
        self.dim, self.all_nodes = config.hidden_dim, False

    def node_rows(self) -> dict[str, tuple[str, ...]]:
        """Returns whose nodes the rows of the table are: sources, then destinations."""
        return {"table": (self.key.src, self.key.dst)}

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> list[CSR]:
        """Normalises the bipartite graph of every behaviour."""
        plain = (task.graph.relations[key].transpose.with_weight(None) for key in self.behaviours)
        return [bipartite_propagator(behaviour.to(self.device)) for behaviour in plain]

    def forward(self, batch: Batch) -> Encoded:
        """Returns ``[num_seeds, hidden_dim]``: the target view plus the generated vectors."""
        users = self._ids(batch, self.key.src, self.num_users)
        items = self._ids(batch, self.key.dst, self.num_items)
        nodes = torch.cat([users, items + self.num_users])
        whole = len(nodes) == len(self.table)
        target, *others = self._encoded(batch.inputs, None if whole else nodes)
        sizes, error = (len(users), len(items)), None
        if self.cross_views is not None:
            source = torch.stack(others).sum(0)
            if self.training:
                made, error = self.cross_views(target, source, sizes)
            else:
                made = self.cross_views.generate(source, sizes)
            target = target + made
        by_type = dict(
            zip((self.key.src, self.key.dst), target.split_with_sizes(sizes), strict=True)
        )
        return Encoded({name: by_type[name] for name in batch.seeds}, (error, len(users)))

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the penalty on the vectors of the batch, and the diffusion loss.

        As published, the penalty is divided by the configured batch size even if the last batch is
        smaller, and the diffusion loss is over users and positive items only.
        """
        samples = batch.samples
        assert isinstance(samples, PairSamples)  # of a recommendation
        of_user, of_item, of_negative = samples.positions()
        users, items = encoded.vectors[self.key.src], encoded.vectors[self.key.dst]
        rows = (users[of_user], items[of_item], items[of_negative])
        lengths = torch.stack([x.square().sum() for x in rows]).sum()
        terms = {"decay": lengths * (1 / samples.size) * self.config.output_decay}
        error, num_users = encoded.kept
        if error is not None:
            both = error[of_user].sum() + error[num_users + of_item].sum()
            terms["diffusion"] = both / max(samples.count, 1) * self.config.diffusion_weight
        return terms

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the fraction of each behaviour in the length of the vectors of users and items.

        See :func:`~hetgraph.models.diffgraph.cross_view.view_fractions`; ``classes`` is ignored.
        """
        encoded, made = self._encoded(inputs), None
        if self.cross_views is not None:
            sizes = (self.num_users, self.num_items)
            made = self.cross_views.generate(torch.stack(encoded[1:]).sum(0), sizes)
        fractions = view_fractions(encoded, made)
        users, items = self.key.src, self.key.dst
        by_type = {users: fractions[: self.num_users], items: fractions[self.num_users :]}
        return [
            row
            for name, own in by_type.items()
            for row in fraction_rows(name, self._labels(name), own)
        ]

    def _labels(self, node_type: str) -> list[str]:
        """Returns what the views are called at one end: a behaviour is walked both ways."""
        return [arriving_label(key, node_type, self.schema) for key in self.behaviours]

    def _ids(self, batch: Batch, name: str, count: int) -> Tensor:
        """Returns the ids of the seeds of a type; none if the type is not requested."""
        if name not in batch.seeds:
            return torch.zeros(0, dtype=torch.int64, device=self.device)
        ids = batch.seeds[name]
        return torch.arange(count, device=self.device) if ids is None else ids

    def _encoded(self, inputs: list[CSR], rows: Tensor | None = None) -> list[Tensor]:
        """Returns the vectors of nodes (all by default) by each behaviour."""
        config = self.config
        return [
            encode_view(Propagator((behaviour,)), self.table, config.num_layers, config.feed, rows)
            for behaviour in inputs
        ]
