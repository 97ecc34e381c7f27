"""Instructions of the matching stage: the type of a sequence, the text of a token."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from hetgraph.models.higpt.descriptions import words
from hetgraph.models.higpt.instructions.build import Instruction, InstructionBuilder

__all__ = ["match_texts", "match_types", "matching_instructions"]


def matching_instructions(
    builder: InstructionBuilder, count: int, rng: torch.Generator
) -> Iterator[Instruction]:
    """Yields ``count`` instructions; every second one is about texts if there are any.

    Source: HiGPT, section on heterogeneous graph instructions; the wording is ours.
    """
    sizes = builder.num_nodes
    anchors = [name for name, size in sizes.items() if size]
    described = [
        name
        for name, column in builder.texts.items()
        if len(column) - column.null_count >= builder.config.per_prompt
    ]
    for number in range(count):
        if number % 2 and described:
            name = described[_draw(len(described), rng)]
            yield match_texts(builder, name, rng)
        else:
            name = anchors[_draw(len(anchors), rng)]
            yield match_types(builder, name, _draw(sizes[name], rng), rng)


def match_types(
    builder: InstructionBuilder, node_type: str, node: int, rng: torch.Generator
) -> Instruction:
    """Asks for the type of every sequence of a subgraph, in random order."""
    subgraph = builder.neighbourhood({node_type: [node]}, "types", node_type, node)
    present = [name for name, ids in subgraph.nodes.items() if ids.numel()]
    keys = [present[place] for place in torch.randperm(len(present), generator=rng).tolist()]
    templates = builder.templates
    blocks = [templates.matching_block.format(number=place) for place in range(1, len(keys) + 1)]
    answers = [
        templates.matching_types_answer.format(number=place, type=words(key))
        for place, key in enumerate(keys, 1)
    ]
    question = templates.matching_types.format(blocks="\n".join(blocks))
    return Instruction(question, "; ".join(answers), tuple(keys), subgraph)


def match_texts(builder: InstructionBuilder, node_type: str, rng: torch.Generator) -> Instruction:
    """Asks for the text of each of a few nodes of the same type, with the texts shuffled."""
    count = builder.config.per_prompt
    drawn = torch.randperm(builder.num_nodes[node_type], generator=rng).tolist()
    nodes: list[int] = []
    for node in drawn:
        if len(nodes) == count:
            break
        if builder.text(node_type, node):
            nodes.append(node)
    subgraph = builder.neighbourhood({node_type: nodes}, "texts", node_type, *nodes)
    order = torch.randperm(len(nodes), generator=rng).tolist()
    limit = max(builder.config.text_words // len(nodes), 1) if nodes else 0
    letters = [f"({chr(ord('a') + place)})" for place in range(len(nodes))]
    texts = [
        f"{letter} {builder.text(node_type, nodes[place], limit)}"
        for letter, place in zip(letters, order, strict=True)
    ]
    templates = builder.templates
    answers = [
        templates.matching_texts_answer.format(number=place + 1, letter=letters[order.index(place)])
        for place in range(len(nodes))
    ]
    question = templates.matching_texts.format(type=words(node_type), texts="\n".join(texts))
    return Instruction(question, "; ".join(answers), (node_type,), subgraph, sizes=(len(nodes),))


def _draw(size: int, rng: torch.Generator) -> int:
    return int(torch.randint(size, (1,), generator=rng))
