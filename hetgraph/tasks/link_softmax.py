"""The cross-entropy of a true node among all nodes, or among some that are drawn."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["softmax_loss"]


def softmax_loss(
    query: Tensor,
    vectors: Tensor,
    target: Tensor,
    candidates: Tensor | None = None,
    num_nodes: int | None = None,
) -> Tensor:
    """Returns the ``[n]`` negative log-probabilities of the true nodes.

    Nodes that are drawn stand for all others: with ``s`` the true score and ``k`` of the ``m - 1``
    other nodes drawn, the loss is ``log(e^s + (m - 1) / k * sum e^(scores of the drawn)) - s``. The
    sum is unbiased, and drawing all nodes gives the exact loss. O(n * num_candidates * dim).

    Args:
        query: ``[n, dim]`` what nodes are multiplied with.
        vectors: ``[num_rows, dim]`` of all nodes, or of those that are drawn or true.
        target: ``[n]`` int64 rows of the true nodes.
        candidates: ``[num_candidates]`` rows of different nodes, drawn uniformly; ``None`` for all.
            A true node among them does not compete with itself.
        num_nodes: Number of all nodes; ``None``: those in ``vectors``.

    Source: Jean et al., On Using Very Large Target Vocabulary for Neural Machine Translation,
    ACL 2015, with candidates that all links of a batch share.

    Example:
        >>> x = torch.eye(3)
        >>> exact = softmax_loss(x, x, torch.tensor([0, 1, 2]))
        >>> drawn = softmax_loss(x, x, torch.tensor([0, 1, 2]), torch.tensor([2, 0, 1]))
        >>> torch.allclose(exact, drawn)
        True
    """
    if candidates is None:
        return F.cross_entropy((query @ vectors.T).float(), target, reduction="none")
    own = (query * vectors[target]).sum(1).float()
    scores = (query @ vectors[candidates].T).float()
    place = target.new_full((len(vectors),), -1)
    place[candidates] = torch.arange(len(candidates), device=target.device)
    column = place[target]
    drawn = (column >= 0).nonzero().squeeze(1)
    # In place and unknown to autograd, as the gradient of so small a score is 0 anyway: two copies
    # of the scores less. It is finite because a row may have no other candidate.
    scores.detach()[drawn, column[drawn]] = torch.finfo(scores.dtype).min
    others = torch.full_like(own, float(len(candidates)))
    others[drawn] -= 1
    total = (num_nodes or len(vectors)) - 1
    weight = (max(total, 1) / others.clamp(min=1)).log()
    return F.softplus(scores.logsumexp(1) + weight - own)
