"""What is wrong with a user's data, and what would be read of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.targets.base import Target
from hetgraph.data.graph import HeteroGraph

__all__ = ["Inspection", "describe", "target_lines"]

_MOST = 8
"""Names that a line lists at most."""


@dataclass(frozen=True)
class Inspection:
    r"""A report on a data set.

    Args:
        source: Name of the data set.
        problems: What is wrong, one message per mistake; a data set without problems can be loaded.
        sections: What would be read, as lines under headings.

    Example:
        >>> report = Inspection("tables:shop", ("no id 7.",), {"nodes": ("user: 3",)})
        >>> print("\n".join(report.lines()))
        nodes
          user: 3
    """

    source: str
    problems: tuple[str, ...] = ()
    sections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yields the sections as lines."""
        for heading, lines in self.sections.items():
            if lines:
                yield heading
                yield from (f"  {line}" for line in lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON values."""
        return {
            "source": self.source,
            "problems": list(self.problems),
            **{heading: list(lines) for heading, lines in self.sections.items()},
        }


def describe(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Returns what a data set holds, as lines under headings.

    Example:
        >>> from hetgraph.catalog.loading import load_dataset
        >>> sections = describe(load_dataset("synthetic/academic", num_nodes=500))
        >>> sections["nodes"][1]
        'paper: 300 nodes; dense features of dim 16'
    """
    graph = dataset.graph
    targets = [
        line
        for number, (name, target) in enumerate(dataset.targets.items())
        for line in target_lines(name, target, dataset, is_default=not number)
    ]
    return {
        "nodes": tuple(_node_lines(graph)),
        "relations": tuple(_relation_lines(graph)),
        "targets": tuple(targets) or ("none: nothing is declared that could be predicted",),
        "meta-paths": tuple(f"{name}: {path}" for name, path in dataset.metapaths.items()),
        "hypergraphs": tuple(
            f"{name}: {hypergraph.num_edges:,} hyperedges of {hypergraph.num_types} types"
            for name, hypergraph in dataset.hypergraphs.items()
        ),
        "left out": tuple(str(note) for note in dataset.info.get("notes", ())),
    }


def target_lines(name: str, target: Target, dataset: Dataset, *, is_default: bool) -> Iterator[str]:
    """Yields what a target is, its classes or range, and the sizes of its splits.

    Args:
        name: Name of the target.
        target: The target.
        dataset: The data set, for its splits.
        is_default: Whether the task is about this target, and so the splits are.
    """
    task = dataset.family if is_default else target.task
    default = ", the default" if is_default else ""
    yield f"{name} ({target.kind}{default}): for {task}; {_listed(target)}"
    if not is_default:
        return
    for split, ids in dataset.splits.items():
        valid = "drawn from train" if ids.valid is None else f"{ids.valid.numel():,}"
        sizes = f"train {ids.train.numel():,}, valid {valid}, test {ids.test.numel():,}"
        yield f"  split {split}: {sizes}"


def _listed(target: Target) -> str:
    """Returns the statistics of a target in words."""
    facts = []
    names = list(getattr(target, "class_names", ()))
    for key, value in target.statistics().items():
        if key == "class_counts":
            shown = names or list(range(len(value)))
            counts = [f"{word} {n:,}" for word, n in zip(shown, value, strict=True)]
            more = f" and {len(counts) - _MOST} more" if len(counts) > _MOST else ""
            facts.append(", ".join(counts[:_MOST]) + more)
        elif key == "target":
            facts.append(f"of {value}")
        elif isinstance(value, list):
            facts.append(f"{key.replace('_', ' ')} {' to '.join(f'{n:g}' for n in value)}")
        else:
            facts.append(
                f"{key.replace('_', ' ')} {value:,}" if isinstance(value, int) else str(value)
            )
    return "; ".join(facts)


def _node_lines(graph: HeteroGraph) -> Iterator[str]:
    for node_type, spec in graph.schema.node_types.items():
        words = {
            "none": "no features",
            "text": "texts, no other features",
            "categorical": f"categories 0..{spec.dim - 1}",
        }
        features = words.get(spec.kind, f"{spec.kind} features of dim {spec.dim}")
        text = "; texts" if node_type in graph.text and spec.kind != "text" else ""
        yield f"{node_type}: {graph.num_nodes[node_type]:,} nodes; {features}{text}"


def _relation_lines(graph: HeteroGraph) -> Iterator[str]:
    for key, relation in graph.relations.items():
        more = [
            word
            for word, there in (
                ("weights", relation.weight is not None),
                (f"features of dim {relation.feature_dim}", relation.feature_dim > 0),
                ("times", relation.edge_time is not None),
            )
            if there
        ]
        reverse = graph.schema.reverse_of(key)
        if reverse is not None:
            more.append("its own reverse" if reverse == key else f"reverse {reverse.name}")
        yield "; ".join([f"({key}): {relation.num_edges:,} edges", *more])
