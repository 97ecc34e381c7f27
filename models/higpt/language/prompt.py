"""Encodes a dialogue with graph blocks as text tokens and positions of graph tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = ["BLOCK", "IGNORE", "Message", "Prompt", "encode_prompt"]

BLOCK = "<graph>"
"""Placeholder in a prompt for the vectors of a sequence of nodes."""
PATCH, START, END = -1, -2, -3
"""Ids of the three graph tokens; the vocabulary of the language model is unchanged."""
IGNORE = -100

Message = tuple[str, str]
"""Role (``"system"``, ``"user"`` or ``"assistant"``) and text."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt, with or without its answer.

    Args:
        ids: ``[length]`` int64 ids: text tokens, and graph tokens as negative ids.
        labels: ``[length]`` int64: the answer and its end, ``IGNORE`` elsewhere.
        blocks: First patch and number of patches of every block, in order.
    """

    ids: Tensor
    labels: Tensor
    blocks: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return self.ids.numel()


def encode_prompt(
    tokenizer: Any, messages: Sequence[Message], counts: Sequence[int], answer: str | None = None
) -> Prompt:
    """Encodes a dialogue whose last message is the question.

    Each ``<graph>`` becomes a start token, one patch per node and an end token. Text between
    blocks is encoded piece by piece. Models with a chat template are prompted with it, others with
    ``USER: ... ASSISTANT:``.

    Args:
        tokenizer: Of the language model.
        messages: Roles and texts, the question last.
        counts: Number of nodes of each block of all messages, in order.
        answer: Its tokens and the end token are the labels; ``None``: no answer yet.

    Raises:
        DataError: If the number of blocks is not that of the counts.
    """
    pieces = _written(tokenizer, messages).split(BLOCK)
    if len(pieces) != len(counts) + 1:
        raise DataError(
            f"the prompt has {len(pieces) - 1} {BLOCK} blocks, but there are {len(counts)} "
            "sequences of nodes; each needs one block."
        )
    ids: list[int] = []
    blocks = []
    for number, piece in enumerate(pieces):
        ids += _token_ids(tokenizer, piece)
        if number < len(counts):
            blocks.append((len(ids) + 1, counts[number]))
            ids += [START, *[PATCH] * counts[number], END]
    answer_ids = (
        [] if answer is None else [*_token_ids(tokenizer, answer), int(tokenizer.eos_token_id)]
    )
    labels = [IGNORE] * len(ids) + answer_ids
    return Prompt(torch.tensor(ids + answer_ids), torch.tensor(labels), tuple(blocks))


def _written(tokenizer: Any, messages: Sequence[Message]) -> str:
    if getattr(tokenizer, "chat_template", None):
        turns = [{"role": role, "content": text} for role, text in messages]
        written: str = tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True
        )
        return written
    end = tokenizer.eos_token
    shape = {"system": "{}\n", "user": "USER: {}\n", "assistant": f"ASSISTANT: {{}}{end}\n"}
    return "".join(shape[role].format(text) for role, text in messages) + "ASSISTANT: "


def _token_ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []
