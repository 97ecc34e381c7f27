"""The instructions of a run as files that the official implementation reads."""

from __future__ import annotations

from pathlib import Path

import torch

from hetgraph.errors import ConfigError
from hetgraph.models.higpt.config import HiGPTConfig
from hetgraph.models.higpt.instructions.build import Instruction, InstructionBuilder, known_classes
from hetgraph.models.higpt.instructions.graph_file import GraphFile, write_graph_file
from hetgraph.models.higpt.instructions.records import GraphRef, Record, write_records
from hetgraph.models.higpt.instructions.templates import read_templates
from hetgraph.models.higpt.rationales import STYLES, Provider, write_rationale
from hetgraph.runs.reopen import OpenRun
from hetgraph.tasks.base import SplitName

__all__ = ["export_instructions"]

_EVIDENCE = 3


def export_instructions(
    run: OpenRun,
    split: SplitName,
    folder: Path,
    *,
    style: int | None = None,
    provider: Provider | None = None,
) -> int:
    """Writes ``ann/NAME.json`` and a graph file for each node of a split.

    Answers are written for training nodes only, so that no held-out label leaks.

    Args:
        run: A finished run of HiGPT, of any stage: it gives graph, texts, classes and settings.
        split: Whose nodes are asked about.
        folder: New or empty.
        style: Style of Mixture-of-Thought; ``None``: the direct answer.
        provider: The teacher, if there is a style.

    Returns:
        The number of instructions.

    Raises:
        ConfigError: If the run is of another method, the folder is in use, or rationales are asked
            for nodes that are not for training: their teacher knows the answer.
    """
    config = run.model.config
    if not isinstance(config, HiGPTConfig):
        raise ConfigError(f"{run.folder} holds the model {run.model.name!r}, expected 'higpt'.")
    if style is not None and (split != "train" or provider is None):
        raise ConfigError(
            f"rationales are written by a teacher that knows the answer, so they are only for the "
            f"split 'train', not for {split!r}; leave the style out."
        )
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty; name a new folder.")
    inputs = run.inputs
    corpus = inputs.corpus.to(torch.device("cpu"))
    path = Path(config.language.templates).expanduser() if config.language.templates else None
    builder = InstructionBuilder(
        corpus.relations,
        corpus.num_nodes,
        corpus.texts,
        run.model.spec.target,
        inputs.class_names,
        read_templates(path),
        config.language,
    )
    name = "".join(letter if letter.isalnum() else "-" for letter in run.record.dataset)
    records = []
    for place, node in enumerate(run.task.index(split).tolist()):
        label = inputs.labels[node]
        known = split == "train"
        classes = known_classes(label) if known else ()
        made = builder.build(node, classes)
        teacher = ""
        if style is not None and provider is not None:
            rationale = write_rationale(
                provider, STYLES[style], made.question, made.answer, _evidence(builder, made)
            )
            made = builder.build(node, classes, cue=rationale.cue, answer=rationale.answer)
            teacher = rationale.teacher
        file = f"graph_data/{split}/{node}.pt"
        x = {key: corpus.x[key][ids] for key, ids in made.subgraph.nodes.items()}
        edges = {
            key: torch.stack(relation.coo()[::-1])
            for key, relation in made.subgraph.relations.items()
        }
        write_graph_file(folder / file, GraphFile(x, edges))
        shown = made.label if known and made.label >= 0 else None
        ref = GraphRef(file, made.keys, node, shown)
        said = Record(f"{name}_{split}_{place}", made.question, made.answer, ref, teacher=teacher)
        records.append(said)
    (folder / "ann").mkdir(parents=True, exist_ok=True)
    kind = "std" if style is None else f"cot_{style}"
    write_records(folder / "ann" / f"{name}_{split}_{kind}_0_{len(records)}.json", records)
    return len(records)


def _evidence(builder: InstructionBuilder, made: Instruction) -> list[str]:
    """Returns texts of a few nodes around the node in question, without its own."""
    evidence: list[str] = []
    for name, ids in made.subgraph.nodes.items():
        others = [node for node in ids.tolist() if (name, node) != (builder.target, made.node)]
        texts = (builder.text(name, node, 8) for node in others[:_EVIDENCE])
        evidence += [text for text in texts if text]
    return evidence[: 2 * _EVIDENCE]
