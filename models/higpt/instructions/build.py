"""Questions about nodes of any graph, built from its schema, its texts and a subgraph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data import CSR, EdgeType
from hetgraph.errors import DataError
from hetgraph.models.higpt.config import LanguageConfig
from hetgraph.models.higpt.descriptions import words
from hetgraph.models.higpt.instructions.templates import Templates
from hetgraph.models.higpt.language.prompt import BLOCK, Message
from hetgraph.sampling import Neighbourhood, sample_neighbourhood
from hetgraph.seeds import keyed_seed

__all__ = ["Instruction", "InstructionBuilder", "known_classes"]


@dataclass(frozen=True, eq=False)
class Instruction:
    """A question, the subgraph it is about, and the answer if it is known.

    Args:
        question: Text with one ``<graph>`` per sequence of nodes.
        answer: The right answer; empty if unknown.
        keys: Node type of each block.
        subgraph: Its node in question is the first of its type.
        sizes: Number of nodes of each block, the first of their type; empty: all of them.
        node: Id of the node in question in the whole graph; -1 if there are several.
        label: Its class, -1 if unknown or several.
        examples: Solved instructions that come before.
        x: ``[num_nodes of the subgraph, input_dim]`` by type if the subgraph comes from a file;
            ``None`` if its nodes are those of the graph.
    """

    question: str
    answer: str
    keys: tuple[str, ...]
    subgraph: Neighbourhood
    sizes: tuple[int, ...] = ()
    node: int = -1
    label: int = -1
    examples: tuple[Instruction, ...] = field(default=())
    x: Mapping[str, Tensor] | None = None

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of nodes of each block."""
        return self.sizes or tuple(self.subgraph.nodes[key].numel() for key in self.keys)

    def messages(self, system: str) -> list[Message]:
        """Returns the dialogue up to the question: instruction, examples, question."""
        dialogue: list[Message] = [("system", system)] if system else []
        for example in self.examples:
            dialogue += [("user", example.question), ("assistant", example.answer)]
        return [*dialogue, ("user", self.question)]

    @property
    def all_counts(self) -> list[int]:
        """Number of nodes of each block of the dialogue, in order."""
        turns = (*self.examples, self)
        return [count for instruction in turns for count in instruction.counts]


class InstructionBuilder:
    """Builds questions about the class of a node.

    The subgraph of a node depends only on the seed and the node, so it is the same in every run
    and in any order.

    Args:
        relations: Edges by edge type, on the CPU.
        num_nodes: Number of nodes by type.
        texts: Texts by node type.
        target: Type of the nodes in question.
        class_names: Classes in words.
        templates: The prompts.
        config: Sizes of subgraphs and texts.
        seed: Seed of the subgraphs.

    Raises:
        DataError: If the classes have no names.
    """

    def __init__(
        self,
        relations: Mapping[EdgeType, CSR],
        num_nodes: Mapping[str, int],
        texts: Mapping[str, pa.Array],
        target: str,
        class_names: Sequence[str],
        templates: Templates,
        config: LanguageConfig,
        seed: int = 0,
    ) -> None:
        if not class_names:
            raise DataError("the classes have no names to ask for; give model.class_names.")
        self.relations, self.num_nodes, self.texts = relations, num_nodes, texts
        self.target, self.templates, self.config, self.seed = target, templates, config, seed
        self.labels = tuple(words(name) for name in class_names)
        named = (f"{words(k.src)} {words(k.name)} {words(k.dst)}" for k in relations)
        self._relations = ", ".join(dict.fromkeys(named))

    def neighbourhood(self, nodes: Mapping[str, Sequence[int]], *key: object) -> Neighbourhood:
        """Samples the subgraph around some nodes; equal keys give equal subgraphs."""
        seeds = {name: torch.tensor(ids, dtype=torch.int64) for name, ids in nodes.items()}
        rng = torch.Generator().manual_seed(keyed_seed("instruction", self.seed, *key))
        return sample_neighbourhood(
            self.relations,
            self.num_nodes,
            seeds,
            self.config.fanouts,
            rng,
            max_nodes=self.config.max_nodes,
        )

    def build(
        self,
        node: int,
        classes: Sequence[int] = (),
        *,
        question: str | None = None,
        cue: str | None = None,
        answer: str | None = None,
        text_words: int | None = None,
    ) -> Instruction:
        """Returns the question about a node.

        Args:
            node: Its id.
            classes: Its classes, as far as they are known; they become the answer.
            question: Question after blocks and text, instead of that about the class.
            cue: Replaces the usual cue.
            answer: Replaces the names of its classes.
            text_words: Words of its text to quote; ``None``: as configured.
        """
        subgraph = self.neighbourhood({self.target: [node]}, self.target, node)
        keys = self._keys(subgraph)
        target, templates = words(self.target), self.templates
        text = self.text(self.target, node, text_words)
        shown = keys if self.config.graph_tokens != "none" else ()
        blocks = "\n".join(templates.block.format(type=words(node_type)) for node_type in shown)
        quoted = templates.text.format(target=target, text=text) if text else ""
        if question is None:
            asked = templates.question.format(
                types=", ".join(words(node_type) for node_type in self.num_nodes),
                relations=self._relations,
                target=target,
                blocks=blocks,
                text=quoted,
                classes=", ".join(self.labels),
                cue=templates.cue if cue is None else cue,
            )
        else:
            asked = f"{blocks}\n{quoted}{question.replace(BLOCK, 'graph')}"
        names = ", ".join(self.labels[label] for label in classes)
        expected = templates.answer.format(labels=names) if answer is None and names else answer
        return Instruction(
            question=asked,
            answer=expected or "",
            keys=shown,
            subgraph=subgraph,
            node=node,
            label=classes[0] if len(classes) == 1 else -1,
        )

    def text(self, node_type: str, node: int, limit: int | None = None) -> str:
        """Returns the first words of the text of a node; ``<graph>`` in it is neutralised."""
        column = self.texts.get(node_type)
        text = str(column[node].as_py() or "") if column is not None else ""
        most = self.config.text_words if limit is None else limit
        return " ".join(text.replace(BLOCK, "graph").split()[:most])

    def _keys(self, subgraph: Neighbourhood) -> tuple[str, ...]:
        """Returns the types with nodes, the target first."""
        others = (name for name in subgraph.nodes if name != self.target)
        return tuple(name for name in (self.target, *others) if subgraph.nodes[name].numel())


def known_classes(label: Tensor) -> tuple[int, ...]:
    """Returns the classes that a label names; none if it is hidden.

    Args:
        label: ``[]`` class, -1 if hidden, or ``[num_classes]`` of 0 and 1.
    """
    if label.dim():
        return tuple((label > 0).nonzero().squeeze(1).tolist())
    return (int(label),) if int(label) >= 0 else ()
