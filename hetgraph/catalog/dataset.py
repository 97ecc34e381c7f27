"""A graph with its prediction targets and fixed splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from torch import Tensor

from hetgraph.catalog.digest import update_digest
from hetgraph.catalog.split import Split
from hetgraph.catalog.targets import EdgeTarget, Labels, Links, Target, Values
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.hypergraph import Hypergraph
from hetgraph.errors import DataError, suggest
from hetgraph.html import card, facts

__all__ = ["Dataset"]

T = TypeVar("T", bound=Target)


class _Targets:
    """A field that takes one target, a mapping or ``None``, and always gives a mapping.

    As a descriptor it accepts more types than it returns; type checkers follow this through the
    constructor and :func:`dataclasses.replace`.
    """

    @overload
    def __get__(self, instance: None, owner: Any = None) -> None: ...

    @overload
    def __get__(self, instance: object, owner: Any = None) -> Mapping[str, Target]: ...

    def __get__(self, instance: object | None, owner: Any = None) -> Mapping[str, Target] | None:
        if instance is None:
            return None  # The field's default.
        targets: Mapping[str, Target] = vars(instance)["targets"]
        return targets

    def __set__(self, instance: object, value: Target | Mapping[str, Target] | None) -> None:
        named = {value.kind: value} if isinstance(value, Target) else dict(value or {})
        for name, target in named.items():
            if not isinstance(target, Target):
                raise DataError(
                    f"target {name!r} is a {type(target).__name__}; expected a Target, such as "
                    "Labels or Links."
                )
        vars(instance)["targets"] = named


@dataclass(frozen=True, eq=False)
class Dataset:
    """A graph, its prediction targets and its fixed splits.

    Args:
        name: ``"collection/name"``.
        graph: The graph that models see.
        targets: One target, named by its kind, or several targets by name. The first one is the
            default.
        splits: Splits of the first target by name; the first one is the default. Their ids are
            node ids, or positions in the ``edges`` of an edge target.
        hypergraphs: Hypergraphs over the nodes of the graph by name; the first one is the
            default.
        metapaths: Default meta-paths by name, in text form.
        task: Task family, such as ``"recommendation"``; empty: the family of the first target.
        info: Licence, citation, published statistics.

    Raises:
        DataError: If a target is none, or names types or nodes that the graph does not have; or a
            hypergraph is over other nodes than the graph.

    Example:
        >>> import torch
        >>> graph = HeteroGraph(num_nodes={"paper": 3}, relations={})
        >>> labels = Labels("paper", 2, torch.arange(3), torch.tensor([0, 1, 1]))
        >>> list(Dataset("toy", graph, labels).targets)
        ['labels']
    """

    name: str
    graph: HeteroGraph
    targets: _Targets = _Targets()
    splits: Mapping[str, Split] = field(default_factory=dict)
    hypergraphs: Mapping[str, Hypergraph] = field(default_factory=dict)
    metapaths: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_targets()
        for name, hypergraph in self.hypergraphs.items():
            found, expected = (
                list(hypergraph.node_types.items()),
                list(self.graph.num_nodes.items()),
            )
            if found != expected:
                raise DataError(
                    f"{self.name}: hypergraph {name!r} is over {dict(found)} nodes, the graph has "
                    f"{dict(expected)}; build it from this graph."
                )

    def __repr__(self) -> str:
        task = f", {self.task}" if self.task else ""
        targets = ", ".join(self.targets) or "no target"
        return f"Dataset({self.name}{task}: {self.graph!r}, {targets})"

    def _repr_html_(self) -> str:
        """Returns the targets and the graph, for notebooks."""
        values = {
            "task": self.task,
            "targets": ", ".join(self.targets),
            "splits": ", ".join(self.splits),
            "meta-paths": ", ".join(f"{name}: {path}" for name, path in self.metapaths.items()),
        }
        return card(self.name, facts(values), self.graph._repr_html_())

    def _check_targets(self) -> None:
        wrong = [text for name in self.targets for text in self._misfits(name)]
        if wrong:
            raise DataError(f"{self.name}: {' '.join(wrong)}")

    def _misfits(self, name: str) -> Iterator[str]:
        """Yields what a target, or a split of the first one, names that the graph does not have."""
        target, sizes = self.targets[name], self.graph.num_nodes
        ids = list(target.node_ids())
        unknown = {node_type for node_type, _ in ids if node_type not in sizes}
        for node_type in sorted(unknown):
            hint = suggest(node_type, [*sizes])
            yield (
                f"target {name!r} is about the node type {node_type!r}, which the graph "
                f"lacks.{hint}"
            )
        if unknown:
            return
        for node_type, nodes in ids:
            if (bad := _outside(nodes, sizes[node_type])) is not None:
                yield (
                    f"target {name!r} names the {node_type!r} node {bad}, but there are "
                    f"{sizes[node_type]}, counted from 0."
                )
        most = target.split_size(sizes) if name == next(iter(self.targets)) else None
        for split_name, split in self.splits.items() if most is not None else ():
            for part in (split.train, split.valid, split.test):
                if part is not None and (bad := _outside(part, most or 0)) is not None:
                    yield (
                        f"split {split_name!r} names the {target.over[:-1]} {bad}, but there are "
                        f"{most}, counted from 0."
                    )

    @property
    def labels(self) -> Labels | None:
        """The first target of the kind :class:`Labels`."""
        return self._first(Labels)

    @property
    def values(self) -> Values | None:
        """The first target of the kind :class:`Values`."""
        return self._first(Values)

    @property
    def links(self) -> Mapping[str, Links]:
        """The held-out links by name; the first ones are the default."""
        return {name: target for name, target in self.targets.items() if isinstance(target, Links)}

    @property
    def edge_target(self) -> EdgeTarget | None:
        """The first edge target: :class:`EdgeLabels` or :class:`EdgeValues`."""
        return self._first(EdgeTarget)

    @property
    def family(self) -> str:
        """The task family: ``task``, or that of the first target; empty if there is none."""
        return self.task or next((target.task for target in self.targets.values()), "")

    @property
    def sha256(self) -> str:
        """Digest of graph, targets, fixed splits and hypergraphs, stored with every result."""
        digest = hashlib.sha256(self.graph.content_hash.encode())
        names = sorted(self.targets)
        # Splits follow the first target, as in the digests of existing records.
        for name in names[:1]:
            self.targets[name].update_digest(digest, name)
        for name, split in sorted(self.splits.items()):
            digest.update(name.encode())
            update_digest(digest, split.train, split.valid, split.test)
        for name in names[1:]:
            self.targets[name].update_digest(digest, name)
        for name, hypergraph in sorted(self.hypergraphs.items()):
            digest.update(f"hypergraph {name} {hypergraph.type_names}".encode())
            incidence = hypergraph.incidence
            update_digest(digest, incidence.indptr, incidence.indices, hypergraph.edge_type)
        return digest.hexdigest()

    def _first(self, kind: type[T]) -> T | None:
        return next((target for target in self.targets.values() if isinstance(target, kind)), None)


def _outside(ids: Tensor, size: int) -> int | None:
    """Returns an id that is not in ``0..size-1``, if there is one."""
    if not ids.numel():
        return None
    low, high = int(ids.min()), int(ids.max())
    return low if low < 0 else high if high >= size else None
