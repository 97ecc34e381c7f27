"""The part of the contract that recommenders share: pairs, negatives, one vector a node."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.data.csr import CSR
from hetgraph.data.schema import EdgeType, Schema
from hetgraph.methods import Loss, Method, Stage
from hetgraph.sampling import UnseenSampler
from hetgraph.seeds import Seeds
from hetgraph.tasks.base import Task, TaskSpec
from hetgraph.train.batching import row_batches

__all__ = ["PairBatch", "PairInputs", "PairwiseModel", "bipartite_propagator", "pair_table"]


@dataclass(eq=False, kw_only=True)
class PairInputs:
    """What a recommender reads.

    Args:
        pairs: ``[2, num_pairs]`` users and the items they bought, to learn from.
        behaviours: ``[num_users, num_items]`` pattern of every relation between them.
        rows: Ids of the users with a pair to rank, by part.
        sampler: Draws items that a user has not bought.
        propagators: Matrices over users and items together, for methods that propagate.
    """

    pairs: Tensor
    behaviours: dict[EdgeType, CSR]
    rows: dict[str, Tensor]
    sampler: UnseenSampler
    propagators: list[CSR] = field(default_factory=list)

    def chosen(self, target: EdgeType, *, every: bool) -> list[CSR]:
        """Returns the pattern of every behaviour, or of ``target`` alone."""
        return [csr for key, csr in self.behaviours.items() if every or key == target]


@dataclass
class PairBatch:
    """Users, items they bought and items they did not, ``[batch]`` each."""

    inputs: PairInputs
    users: Tensor
    items: Tensor
    negatives: Tensor
    size: int


class PairwiseModel(Method):
    """A recommender whose score is the inner product of a user's and an item's vector.

    One negative is drawn for each pair and epoch among the items the user has not bought; the
    loss is BPR (Rendle et al., UAI 2009).

    Args:
        schema: What the graph is made of.
        spec: What is to be predicted.
        config: The hyper-parameters.
    """

    tasks: ClassVar[tuple[str, ...]] = ("recommendation",)

    def __init__(self, schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__(schema, spec, config)
        assert spec.edge_type is not None  # what a recommendation is about
        self.key = spec.edge_type
        self.num_users = spec.num_nodes[self.key.src]
        self.num_items = spec.num_nodes[self.key.dst]

    @abstractmethod
    def vectors(self, inputs: PairInputs) -> Tensor:
        """Returns ``[num_users + num_items, dim]``, users first, as the model is used."""

    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> PairInputs:
        """Brings pairs and behaviours to the device of the model."""
        self.check(task)
        users, items, device = self.key.src, self.key.dst, self.device
        behaviours = {
            one: task.graph.relations[one].transpose.with_weight(None)
            for one in task.graph.edge_types
            if (one.src, one.dst) == (users, items)
        }
        return PairInputs(
            pairs=task.labels.to(device),
            behaviours={one: csr.to(device) for one, csr in behaviours.items()},
            rows={split: ids.to(device) for split, ids in task.open_splits().items()},
            sampler=UnseenSampler(behaviours[self.key]),
        )

    def batches(
        self,
        inputs: PairInputs,
        split: str,
        *,
        stage: Stage,
        batch_size: int,
        generator: torch.Generator | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[PairBatch]:
        """Yields the training pairs with a negative each; ``split`` makes no difference."""
        pairs = inputs.pairs
        draw = generator or torch.Generator().manual_seed(0)
        negatives = inputs.sampler.draw(pairs[0].cpu(), draw).to(pairs.device)
        for rows in row_batches(pairs.shape[1], batch_size, generator=generator, shard=shard):
            chosen = rows.to(pairs.device)
            yield PairBatch(
                inputs, pairs[0, chosen], pairs[1, chosen], negatives[chosen], batch_size
            )

    def training_step(self, batch: PairBatch, *, stage: Stage) -> Loss:
        """Returns the BPR loss of the batch."""
        vectors = self.vectors(batch.inputs)
        return Loss({"bpr": self.bpr(vectors, batch)}, batch.users.numel())

    def bpr(self, vectors: Tensor, batch: PairBatch) -> Tensor:
        """Returns the mean of ``-log sigmoid`` of the score differences; 0 for an empty batch."""
        user, item, negative = self.triples(vectors, batch)
        difference = (user * (item - negative)).sum(1)
        if not len(difference):
            return vectors.sum() * 0
        return -F.logsigmoid(difference).mean()

    def triples(self, vectors: Tensor, batch: PairBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the vectors of users, items and negatives of the batch, ``[batch, dim]`` each."""
        start = self.num_users
        return vectors[batch.users], vectors[start + batch.items], vectors[start + batch.negatives]

    def predict(self, inputs: PairInputs, split: str) -> Tensor:
        """Returns ``[num_users + num_items, dim]`` vectors, users first, whatever the part."""
        return self.vectors(inputs)

    def embed(self, inputs: PairInputs, split: str) -> Tensor:
        """Returns ``[num_users of the split, dim]``."""
        return self.vectors(inputs)[inputs.rows[split]]


def bipartite_propagator(behaviour: CSR) -> CSR:
    """Returns ``D^-1/2 [[0, B], [B^T, 0]] D^-1/2`` over users and items, users first.

    Args:
        behaviour: ``[num_users, num_items]``; values and parallel entries do not count.
    """
    plain = behaviour.with_weight(None).coalesced("binary")
    users, items = plain.row_ids, plain.indices.long() + plain.num_rows
    size = plain.num_rows + plain.num_cols
    rows, cols = torch.cat([users, items]), torch.cat([items, users])
    return CSR.from_coo(rows.cpu(), cols.cpu(), (size, size)).normalized("sym").to(plain.device)


def pair_table(num_users: int, num_items: int, dim: int) -> nn.Parameter:
    """Returns ``[num_users + num_items, dim]``, each of the two tables Xavier-uniform by itself."""
    table = torch.empty(num_users + num_items, dim)
    nn.init.xavier_uniform_(table[:num_users])
    nn.init.xavier_uniform_(table[num_users:])
    return nn.Parameter(table)
