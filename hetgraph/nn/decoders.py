"""From the vectors of two nodes to what is said of the pair."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from hetgraph.data.csr import CSR
from hetgraph.errors import ConfigError
from hetgraph.ops import sddmm

__all__ = [
    "ComplEx",
    "DecoderName",
    "DistMult",
    "Dot",
    "PairMLP",
    "Side",
    "SimilarityDecoder",
    "make_decoder",
    "pair_scores",
]

DecoderName = Literal["dot", "distmult", "complex"]
Side = Literal["dst", "src"]
"""Which end of a pair is looked for among all candidates."""

_BLOCK = 1 << 16
"""Pairs whose hidden values are in memory together where no gradient is needed."""


class SimilarityDecoder(nn.Module, ABC):
    """A score that is the inner product of a query, made from one end, with the other end.

    All candidates of a query are therefore ranked by one matrix product. A subclass implements
    :meth:`query`, and :meth:`cubes` if its vectors are not made of real numbers.

    Example:
        >>> class Nearer(SimilarityDecoder):
        ...     def query(self, x, relation=0, side="dst"):
        ...         return 2 * x
        >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> Nearer()(x, x, torch.tensor([[0], [1]])).tolist()
        [22.0]
    """

    @abstractmethod
    def query(self, x: Tensor, relation: Tensor | int = 0, side: Side = "dst") -> Tensor:
        """Returns the ``[n, dim]`` queries of ``[n, dim]`` known ends.

        Args:
            x: Vectors of the known ends.
            relation: Position of the relation, of all rows or of each, ``[n]``.
            side: The end that is looked for.
        """

    def forward(
        self, src: Tensor, dst: Tensor, pairs: Tensor, relation: Tensor | None = None
    ) -> Tensor:
        """Returns the ``[n]`` scores of ``[2, n]`` pairs.

        Args:
            src: ``[num_src, dim]``.
            dst: ``[num_dst, dim]``.
            pairs: Rows of both, sources first.
            relation: ``[n]`` position of each pair's relation; ``None`` where there is one.
        """
        if relation is None:
            return pair_scores(self.query(src), dst, pairs)
        return (self.query(src[pairs[0]], relation) * dst[pairs[1]]).sum(1)

    def penalty(self, src: Tensor, dst: Tensor, relation: Tensor | int = 0) -> Tensor:
        """Returns the ``[n]`` sums of the cubes of all that the scores of pairs are made of.

        Args:
            src: ``[n, dim]`` vectors of the sources.
            dst: ``[n, dim]`` vectors of the destinations.
            relation: Position of the relation, of all pairs or of each, ``[n]``.

        Source: the nuclear 3-norm of Lacroix et al., Canonical Tensor Decomposition for Knowledge
        Base Completion, ICML 2018, eq. 4.
        """
        return self.cubes(src) + self.cubes(dst)

    def cubes(self, x: Tensor) -> Tensor:
        """Returns the ``[n]`` sums of the cubed absolute values of ``[n, dim]`` vectors."""
        return x.abs().pow(3).sum(-1)


class Dot(SimilarityDecoder):
    """The inner product of both ends, whatever the relation.

    Example:
        >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> Dot()(x, x, torch.tensor([[0], [1]])).tolist()
        [11.0]
    """

    def query(self, x: Tensor, relation: Tensor | int = 0, side: Side = "dst") -> Tensor:
        """Returns the known ends as they are."""
        return x


class RelationDecoder(SimilarityDecoder):
    """A decoder with a learned vector for each relation, or two of them.

    Args:
        dim: Dimension of the vectors.
        num_relations: Number of relations.
        reciprocal: Whether a relation has a second vector for queries about sources, so that these
            are queries about the destinations of another relation (Lacroix et al., ICML 2018). The
            score of a given pair is that of the first vector.
    """

    def __init__(self, dim: int, num_relations: int = 1, *, reciprocal: bool = False) -> None:
        super().__init__()
        self.num_relations, self.reciprocal = num_relations, reciprocal
        self.weight = nn.Parameter(torch.empty(num_relations * (1 + reciprocal), dim))

    def rows(self, relation: Tensor | int, side: Side) -> Tensor:
        """Returns the vectors of relations that queries about an end are made with."""
        second = self.reciprocal and side == "src"
        return self.weight[relation + self.num_relations if second else relation]

    def penalty(self, src: Tensor, dst: Tensor, relation: Tensor | int = 0) -> Tensor:
        """Returns the cubes of both ends and of the relation; of two vectors their mean."""
        first = self.cubes(self.rows(relation, "dst"))
        second = self.cubes(self.rows(relation, "src")) if self.reciprocal else first
        return super().penalty(src, dst) + (first + second) / 2


class DistMult(RelationDecoder):
    """An inner product with one learned weight per relation and dimension; symmetric.

    Args:
        dim: Dimension of the vectors.
        num_relations: Number of relations.
        reciprocal: Whether a relation has a second vector, for queries about sources.

    Example:
        >>> decoder = DistMult(4, num_relations=2)
        >>> authors, papers = torch.rand(3, 4), torch.rand(5, 4)
        >>> pairs, relation = torch.tensor([[0, 2], [4, 1]]), torch.tensor([0, 1])
        >>> decoder(authors, papers, pairs, relation).shape
        torch.Size([2])
        >>> (decoder.query(authors, relation=1) @ papers.t()).shape  # all papers of each author
        torch.Size([3, 5])

    Source: Yang et al., Embedding Entities and Relations, ICLR 2015.
    """

    def __init__(self, dim: int, num_relations: int = 1, *, reciprocal: bool = False) -> None:
        super().__init__(dim, num_relations, reciprocal=reciprocal)
        nn.init.ones_(self.weight)
        if len(self.weight) > 1:  # Equal weights would give all relations equal gradients at first.
            nn.init.normal_(self.weight, 1.0, 0.1)

    def query(self, x: Tensor, relation: Tensor | int = 0, side: Side = "dst") -> Tensor:
        """Returns the known ends times the weights of their relations."""
        return x * self.rows(relation, side)


class ComplEx(RelationDecoder):
    """The real part of a trilinear product of complex vectors; tells a pair from its reverse.

    The first half of a vector is its real part, the second half its imaginary part.

    Args:
        dim: Dimension of the vectors, even.
        num_relations: Number of relations.
        reciprocal: Whether a relation has a second vector, for queries about sources.

    Raises:
        ConfigError: If ``dim`` is odd.

    Example:
        >>> decoder, x = ComplEx(4), torch.rand(2, 4)
        >>> there, back = decoder(x, x, torch.tensor([[0, 1], [1, 0]])).tolist()
        >>> there == back
        False

    Source: Trouillon et al., Complex Embeddings for Simple Link Prediction, ICML 2016, eq. 11.
    """

    def __init__(self, dim: int, num_relations: int = 1, *, reciprocal: bool = False) -> None:
        if dim % 2:
            raise ConfigError(f"the decoder complex needs an even number of dimensions, not {dim}.")
        super().__init__(dim, num_relations, reciprocal=reciprocal)
        nn.init.normal_(self.weight, 0.0, 1.0)

    def query(self, x: Tensor, relation: Tensor | int = 0, side: Side = "dst") -> Tensor:
        """Returns what the other end is multiplied with."""
        real, imaginary = x.chunk(2, dim=-1)
        a, b = self.rows(relation, side).chunk(2, dim=-1)
        if side == "src" and not self.reciprocal:
            return torch.cat([a * real + b * imaginary, a * imaginary - b * real], dim=-1)
        return torch.cat([a * real - b * imaginary, a * imaginary + b * real], dim=-1)

    def cubes(self, x: Tensor) -> Tensor:
        """Returns the sums of the cubed moduli of complex values."""
        real, imaginary = x.chunk(2, dim=-1)
        return (real.square() + imaginary.square()).pow(1.5).sum(-1)


def make_decoder(
    name: str, dim: int, num_relations: int = 1, *, reciprocal: bool = False
) -> SimilarityDecoder:
    """Returns the decoder of a name.

    Args:
        name: ``"dot"``, ``"distmult"`` or ``"complex"``.
        dim: Dimension of the vectors.
        num_relations: Number of relations.
        reciprocal: Whether each direction of a relation has a vector of its own.

    Raises:
        ConfigError: If there is none, or it has no vectors of relations and ``reciprocal`` is set.

    Example:
        >>> make_decoder("distmult", 4, num_relations=3).weight.shape
        torch.Size([3, 4])
    """
    if name not in ("dot", "distmult", "complex"):
        raise ConfigError(f"unknown decoder {name!r}; expected 'dot', 'distmult' or 'complex'.")
    if name == "dot":
        if reciprocal:
            raise ConfigError(
                "the decoder dot has no vectors of relations, so task.reciprocal means nothing; "
                "set task.decoder=distmult or complex."
            )
        return Dot()
    kind = DistMult if name == "distmult" else ComplEx
    return kind(dim, num_relations, reciprocal=reciprocal)


class PairMLP(nn.Module):
    """Several outputs per pair: ``W relu(A x + B y + C (x * y) + b) + c``.

    Memory grows with the pairs of a batch, not with the edges of the graph.

    Args:
        dim: Dimension of the vectors.
        num_outputs: Outputs per pair.
        dropout: Fraction of the hidden values that are dropped.

    Example:
        >>> users, films = torch.rand(3, 4), torch.rand(5, 4)
        >>> PairMLP(4, num_outputs=2)(users, films, torch.tensor([[0, 2], [4, 1]])).shape
        torch.Size([2, 2])
    """

    def __init__(self, dim: int, num_outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.src = nn.Linear(dim, dim)
        self.dst = nn.Linear(dim, dim, bias=False)
        self.both = nn.Linear(dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(dim, num_outputs)

    def forward(self, src: Tensor, dst: Tensor, pairs: Tensor) -> Tensor:
        """Returns ``[n, num_outputs]`` for ``[2, n]`` pairs of rows of ``src`` and ``dst``."""
        if torch.is_grad_enabled():
            return self._outputs(src, dst, pairs)
        blocks = [self._outputs(src, dst, block) for block in torch.split(pairs, _BLOCK, 1)]
        return torch.cat(blocks)

    def hidden(self, src: Tensor, dst: Tensor, pairs: Tensor) -> Tensor:
        """Returns the ``[n, dim]`` hidden values, the vectors of the pairs."""
        x, y = src[pairs[0]], dst[pairs[1]]
        return torch.relu(self.src(x) + self.dst(y) + self.both(x * y))

    def _outputs(self, src: Tensor, dst: Tensor, pairs: Tensor) -> Tensor:
        outputs: Tensor = self.out(self.dropout(self.hidden(src, dst, pairs)))
        return outputs


def pair_scores(src: Tensor, dst: Tensor, pairs: Tensor) -> Tensor:
    """Returns the ``[num_pairs]`` inner products of the two vectors of each pair.

    The pairs are sorted into a sparse matrix, so that no tensor has a row for each: forward and
    backward with 134,000 pairs of 17,632 nodes and 64 dimensions, one core, 59 ms against 500 with
    gathered rows; 23 ms against 44 with 20,000 pairs.

    Args:
        src: ``[num_src, dim]``.
        dst: ``[num_dst, dim]``.
        pairs: ``[2, num_pairs]`` int64, sources in the first row.

    Example:
        >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> pair_scores(x, x, torch.tensor([[0, 1], [1, 1]])).tolist()
        [11.0, 25.0]
    """
    matrix, order = CSR.from_coo_with_perm(pairs[0], pairs[1], (len(src), len(dst)))
    scores = sddmm(matrix.to(src.device), src, dst)
    return torch.zeros_like(scores).index_copy(0, order.long().to(src.device), scores)
