"""Training instructions from files: rationales of a teacher, or the official ones."""

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
        path: File in the official format, as ``hetgraph higpt instructions`` writes it. Its graphs
            lie below one of the folders above it.
        fill: ``[input_dim]`` by node type, of the graph of the run.
        edge_types: Edge types of that graph.
        train: Training nodes; an instruction about any other would leak its label.
        blocks: Whether prompts keep their blocks.

    Raises:
        FileFormatError: If the file or a graph is damaged, or has other types or dims.
        ConfigError: If an instruction is not about a training node.
    """
    root = _root(path)
    records = read_records(path, root)
    known = set(train)
    for record in records:
        if record.context:
            raise FileFormatError(
                f"{path}: {record.id} comes with solved examples; such files are for questions. "
                "Train without, and set model.language.examples."
            )
        if not record.answer:
            raise FileFormatError(f"{path}: {record.id} has no answer to learn.")
        if record.graph.node not in known:
            raise ConfigError(
                f"model.language.files: {path}: {record.id} is about node {record.graph.node}, "
                "which is no training node of this run; its answer would leak a hidden label."
            )
    return list(_read(records, root, fill, edge_types, blocks))


def _root(path: Path) -> Path:
    """Returns the folder above a file that its graphs are relative to."""
    first = next((record.graph.path for record in read_records(path)), "")
    above = path.resolve().parents
    return next((folder for folder in above if first and (folder / first).is_file()), above[0])


def _read(
    records: list[Record],
    root: Path,
    fill: Mapping[str, Tensor],
    edge_types: Collection[EdgeType],
    blocks: bool,
) -> Iterator[Instruction]:
    for record in records:
        place = root / record.graph.path
        graph = read_graph_file(place)
        for name, x in graph.x.items():
            if name not in fill or x.shape[1] != len(fill[name]):
                dims = {key: len(vector) for key, vector in fill.items()}
                raise FileFormatError(
                    f"{place} has {name} nodes of dim {x.shape[1]}; the graph of this run has "
                    f"{dims}. Use the same type names and the same encoder."
                )
        for key in set(graph.edges) - set(edge_types):
            raise FileFormatError(f"{place} has edges {key}, which the graph of this run lacks.")
        for name in set(record.graph.keys) - set(graph.x):
            raise FileFormatError(f"{place} has no {name} nodes, but one of its blocks needs some.")
        yield Instruction(
            question=record.question if blocks else record.question.replace(BLOCK, ""),
            answer=record.answer,
            keys=record.graph.keys if blocks else (),
            subgraph=graph.subgraph(),
            node=record.graph.node,
            label=-1 if record.graph.label is None else record.graph.label,
            x=graph.x,
        )
