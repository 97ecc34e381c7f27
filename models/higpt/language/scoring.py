"""Log-likelihoods of a few answers under a language model."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["label_scores"]


def label_scores(
    model: Any, vectors: Tensor, labels: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor]:
    """Returns the log-likelihood of each label after one prompt, and its number of tokens.

    The prompt is read once; the labels continue from its cached keys and values, as one batch.
    Every answer is in the set, and the scores are deterministic.

    Args:
        model: A causal language model of transformers.
        vectors: ``[length, hidden]`` of the prompt.
        labels: Tokens of each label, the end token included; at least one each.

    Returns:
        ``[num_labels]`` sums of log-probabilities and ``[num_labels]`` numbers of tokens.
    """
    device = vectors.device
    head = model(inputs_embeds=vectors.unsqueeze(0), use_cache=True, logits_to_keep=1)
    sizes = torch.tensor([len(tokens) for tokens in labels], device=device)
    longest = int(sizes.max())
    ids = torch.zeros(len(labels), longest, dtype=torch.int64, device=device)
    for row, tokens in enumerate(labels):
        ids[row, : len(tokens)] = torch.tensor(tokens, device=device)
    first = head.logits[0, -1].float().log_softmax(0)
    total = first[ids[:, 0]]
    if longest > 1:
        name = _cache_name(model)
        cache = head[name]
        cache.batch_repeat_interleave(len(labels))
        # Predictions at the padding of short labels are not counted.
        later = model(input_ids=ids[:, :-1], use_cache=True, **{name: cache})
        logs = later.logits.float().log_softmax(2).gather(2, ids[:, 1:, None])[..., 0]
        inside = torch.arange(1, longest, device=device) < sizes.unsqueeze(1)
        total = total + (logs * inside).sum(1)
    return total, sizes.float()


def _cache_name(model: Any) -> str:
    """Returns the name of the cached keys and values in transformers; it changed in version 5."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
