"""From a dialogue with graph blocks to numbers of text tokens and places of graph tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hetgraph.errors import DataError

__all__ = ["BLOCK", "IGNORE", "Message", "Prompt", "encode_prompt"]

BLOCK = "<graph>"
"""What stands in a prompt where the vectors of a sequence of nodes go."""
PATCH, START, END = -1, -2, -3
"""Numbers of the three graph tokens; the vocabulary of the language model stays as it is."""
IGNORE = -100

Message = tuple[str, str]
"""Who speaks - ``"system"``, ``"user"`` or ``"assistant"`` - and what."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt, perhaps with its answer.

    Args:
        ids: ``[length]`` int64 text tokens, and graph tokens as negative numbers.
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

    Each ``<graph>`` becomes a start token, one patch a node and an end token. Text around the
    blocks is encoded piece by piece. Models with a chat template are addressed by it, others as
    ``USER: ... ASSISTANT:``.

    Args:
        tokenizer: Of the language model.
        messages: Who says what, the question last.
        counts: Nodes of each block of all messages, in order.
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
    for place, piece in enumerate(pieces):
        ids += _numbers(tokenizer, piece)
        if place < len(counts):
            blocks.append((len(ids) + 1, counts[place]))
            ids += [START, *[PATCH] * counts[place], END]
    said = [] if answer is None else [*_numbers(tokenizer, answer), int(tokenizer.eos_token_id)]
    labels = [IGNORE] * len(ids) + said
    return Prompt(torch.tensor(ids + said), torch.tensor(labels), tuple(blocks))


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


def _numbers(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []
