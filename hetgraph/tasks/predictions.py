"""What a method says of the samples of a split: of nodes, or of pairs of nodes."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hetgraph.errors import DataError
from hetgraph.nn.decoders import PairMLP, Side, SimilarityDecoder

__all__ = ["NodePredictions", "PairPredictions", "Predictions"]


class Predictions(ABC):
    """The answer to one question, asked in the same way of every method and task."""

    @abstractmethod
    def of(self, samples: Tensor) -> Tensor:
        """Returns the outputs of samples, ``[n, num_outputs]`` (``[n]`` for scores of pairs).

        Args:
            samples: ``[n]`` positions in the split, or ``[2, n]`` pairs of node ids.
        """

    @abstractmethod
    def cpu(self) -> Predictions:
        """Returns them in main memory, as float32."""


@dataclass(frozen=True, eq=False)
class NodePredictions(Predictions):
    """One row per node of a split, in the order of the task.

    Args:
        values: ``[num_nodes, num_outputs]`` logits, or numbers.

    Example:
        >>> NodePredictions(torch.tensor([[0.1, 0.9], [0.8, 0.2]])).of(torch.tensor([1]))
        tensor([[0.8000, 0.2000]])
    """

    values: Tensor

    def of(self, samples: Tensor) -> Tensor:
        """Returns the rows of some nodes by their positions in the split."""
        return self.values[samples]

    def cpu(self) -> NodePredictions:
        """Returns them in main memory, as float32."""
        return NodePredictions(self.values.detach().float().cpu())


@dataclass(frozen=True, eq=False)
class PairPredictions(Predictions):
    """Vectors of the nodes that pairs are made of, and what turns two of them into outputs.

    Args:
        vectors: ``[num_nodes, dim]`` by node type.
        decoder: The decoder; one with a query can rank all candidates.
        ends: Source and destination type of each relation that is asked about.
    """

    vectors: Mapping[str, Tensor]
    decoder: SimilarityDecoder | PairMLP
    ends: tuple[tuple[str, str], ...]

    def of(self, samples: Tensor, relation: int = 0) -> Tensor:
        """Returns the outputs of ``[2, n]`` pairs of one relation."""
        src, dst = (self.vectors[name] for name in self.ends[relation])
        kinds: tuple[Tensor, ...] = ()
        if len(self.ends) > 1:
            kinds = (torch.full((samples.shape[1],), relation, device=samples.device),)
        with torch.no_grad():
            outputs: Tensor = self.decoder(src, dst, samples, *kinds)
        return outputs

    def queries(self) -> Tensor:
        """Returns what destinations are multiplied with, ``[num_src, dim]``, of one relation."""
        return self._ranking().query(self.vectors[self.ends[0][0]])

    def candidates(self, known: Tensor, relation: int = 0, side: Side = "dst") -> Tensor:
        """Returns the ``[n, num_candidates]`` scores of every node of the missing end's type.

        Args:
            known: ``[n]`` nodes at the other end.
            relation: Position of the relation.
            side: The missing end.
        """
        src, dst = (self.vectors[name] for name in self.ends[relation])
        near, far = (src, dst) if side == "dst" else (dst, src)
        with torch.no_grad():
            return self._ranking().query(near[known], relation, side) @ far.T

    def _ranking(self) -> SimilarityDecoder:
        if isinstance(self.decoder, SimilarityDecoder):
            return self.decoder
        raise DataError(
            "these predictions are of given edges: their decoder has no query that could be "
            "compared with all candidates; ask for pairs with of(...)."
        )

    def cpu(self) -> PairPredictions:
        """Returns them in main memory, as float32."""
        vectors = {name: x.detach().float().cpu() for name, x in self.vectors.items()}
        decoder = self.decoder
        if any(parameter.device.type != "cpu" for parameter in decoder.parameters()):
            decoder = copy.deepcopy(decoder).cpu()
        return PairPredictions(vectors, decoder, self.ends)
