"""How likely a language model finds each of a few answers."""

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

    The prompt is read once; the labels go on from its kept keys and values, as one batch. No
    answer is out of the set, and the scores are the same in every run.

    Args:
        model: A causal language model of transformers.
        vectors: ``[length, hidden]`` of the prompt.
        labels: Tokens of each label, the end token included; at least one each.

    Returns:
        ``[num_labels]`` sums of log-probabilities and ``[num_labels]`` numbers of tokens.
    """
    device = vectors.device
    head = model(inputs_embeds=vectors.unsqueeze(0), use_cache=True, logits_to_keep=1)
    sizes = torch.tensor([len(one) for one in labels], device=device)
    width = int(sizes.max())
    ids = torch.zeros(len(labels), width, dtype=torch.int64, device=device)
    for row, one in enumerate(labels):
        ids[row, : len(one)] = torch.tensor(one, device=device)
    first = head.logits[0, -1].float().log_softmax(0)
    total = first[ids[:, 0]]
    if width > 1:
        name = _cache_name(model)
        cache = head[name]
        cache.batch_repeat_interleave(len(labels))
        # What is read at the padding behind a short label is not counted.
        later = model(input_ids=ids[:, :-1], use_cache=True, **{name: cache})
        logs = later.logits.float().log_softmax(2).gather(2, ids[:, 1:, None])[..., 0]
        inside = torch.arange(1, width, device=device) < sizes.unsqueeze(1)
        total = total + (logs * inside).sum(1)
    return total, sizes.float()


def _cache_name(model: Any) -> str:
    """What transformers calls the kept keys and values; it changed in version 5."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
