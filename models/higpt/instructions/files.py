"""Instructions to train on from files: rationales of a teacher, or those of the authors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from torch import Tensor

from hetgraph.data import EdgeType
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.models.higpt.instructions.build import Instruction
from hetgraph.models.higpt.instructions.graph_file import read_graph_file
from hetgraph.models.higpt.instructions.records import Record, read_records
from hetgraph.models.higpt.language.prompt import BLOCK

__all__ = ["read_instructions"]


def read_instructions(
    path: Path,
    *,
    fill: Mapping[str, Tensor],
    edge_types: Collection[EdgeType],
    train: Collection[int],
    blocks: bool = True,
) -> list[Instruction]:
    """Reads a file of solved instructions with the graphs that it names.

    Args:
        path: File in the format of the authors, as ``hetgraph higpt instructions`` writes it. Its
            graphs lie below a folder above it.
        fill: ``[input_dim]`` by node type, of the graph of the run.
        edge_types: Edge types of that graph.
        train: Training nodes; an instruction about any other would give its label away.
        blocks: Whether prompts keep their blocks.

    Raises:
        FileFormatError: If the file or a graph is damaged, or of other types or widths.
        ConfigError: If an instruction is not about a training node.
    """
    root = _root(path)
    records = read_records(path, root)
    known = set(train)
    for one in records:
        if one.context:
            raise FileFormatError(
                f"{path}: {one.id} comes with solved examples; such files are for questions. "
                "Train without, and set model.language.examples."
            )
        if not one.answer:
            raise FileFormatError(f"{path}: {one.id} has no answer to learn.")
        if one.graph.node not in known:
            raise ConfigError(
                f"model.language.files: {path}: {one.id} is about node {one.graph.node}, which is "
                "no training node of this run; its answer would give a hidden label away."
            )
    return list(_read(records, root, fill, edge_types, blocks))


def _root(path: Path) -> Path:
    """The folder above a file that its graphs are relative to."""
    first = next((one.graph.path for one in read_records(path)), "")
    above = path.resolve().parents
    return next((one for one in above if first and (one / first).is_file()), above[0])


def _read(
    records: list[Record],
    root: Path,
    fill: Mapping[str, Tensor],
    edge_types: Collection[EdgeType],
    blocks: bool,
) -> Iterator[Instruction]:
    for one in records:
        place = root / one.graph.path
        graph = read_graph_file(place)
        for name, x in graph.x.items():
            if name not in fill or x.shape[1] != len(fill[name]):
                widths = {key: len(vector) for key, vector in fill.items()}
                raise FileFormatError(
                    f"{place} has {name} nodes of width {x.shape[1]}; the graph of this run has "
                    f"{widths}. Name types alike and use one encoder."
                )
        for key in set(graph.edges) - set(edge_types):
            raise FileFormatError(f"{place} has edges {key}, which the graph of this run has not.")
        for name in set(one.graph.keys) - set(graph.x):
            raise FileFormatError(f"{place} has no {name} nodes, but a block is to show some.")
        yield Instruction(
            question=one.question if blocks else one.question.replace(BLOCK, ""),
            answer=one.answer,
            keys=one.graph.keys if blocks else (),
            part=graph.part(),
            node=one.graph.node,
            label=-1 if one.graph.label is None else one.graph.label,
            x=graph.x,
        )
