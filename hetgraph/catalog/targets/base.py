"""Base class of prediction targets: tensors, statistics, digest, reading and writing."""

from __future__ import annotations

import json
from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Protocol, Self

import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.catalog.digest import Digest, update_digest
from hetgraph.catalog.split import Split
from hetgraph.data.schema import EdgeType

__all__ = ["Rows", "Table", "Target", "Written"]


class Table(Protocol):
    """Columns by name, as :mod:`hetgraph.io` reads them from files, DataFrames and databases."""

    label: str

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""

    @property
    def num_rows(self) -> int:
        """Number of rows."""

    def column(self, name: str) -> pa.Array:
        """Returns a column; raises :class:`~hetgraph.errors.DataError` if there is none."""

    def written(self, name: str) -> pa.Array:
        """Returns a column of ids or texts; of a text file exactly as written."""

    def words(self, name: str) -> pa.Array:
        """Returns a column of classes; ``NA`` among words is a class, among numbers missing."""


@dataclass(frozen=True)
class Rows:
    """Rows of a table from which a target is read.

    Args:
        table: The table.
        place: The node type, where row ``i`` is node ``i``, or the edge type, where every row is
            an edge.
        edges: ``[2, num_rows]`` int64 sources and destinations, for an edge type.
        time: ``[num_rows]`` times, for an edge type, if known.
    """

    table: Table
    place: str | EdgeType
    edges: Tensor = field(default_factory=lambda: torch.zeros(2, 0, dtype=torch.int64))
    time: Tensor | None = None


@dataclass(frozen=True)
class Written:
    """A target as columns of a table.

    Args:
        place: The node type whose table gets the columns, or the edge type of a separate table.
        columns: Column by the key of the declaration that names it, such as ``"column"``.
        options: The other keys of the declaration.
        edges: ``[2, num_rows]`` int64 sources and destinations, for an edge type.
        time: ``[num_rows]`` times, for an edge type, if known.
    """

    place: str | EdgeType
    columns: Mapping[str, pa.Array]
    options: Mapping[str, Any] = field(default_factory=dict)
    edges: Tensor | None = None
    time: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Target(ABC):
    """What is to be predicted on a graph: a frozen dataclass of tensors and plain values.

    A kind is a module of :mod:`hetgraph.catalog.targets`, or an entry point of the group
    ``hetgraph.targets`` in another package. It must define ``kind`` and ``task`` and, for tables,
    :meth:`from_rows` and :meth:`to_rows`; everything else follows from its fields.

    Attributes:
        kind: Name of the kind: that of its module and of its key in ``tables.yaml``.
        task: Default task family of the kind.
        over: Whether its rows in tables are nodes or edges.
        options: Keys of its declaration in ``tables.yaml``, beside those that name the table.
        column: Name of its column in node tables without a declaration.
        descriptive: Fields that do not affect results and are left out of the digest.
        holds_out: Whether its edges must not be in the graph; then :meth:`of_pairs` builds it from
            edges that are taken out.
    """

    kind: ClassVar[str]
    task: ClassVar[str]
    over: ClassVar[Literal["nodes", "edges"]] = "nodes"
    options: ClassVar[tuple[str, ...]] = ("column",)
    column: ClassVar[str] = ""
    descriptive: ClassVar[tuple[str, ...]] = ()
    holds_out: ClassVar[bool] = False

    def tensors(self) -> dict[str, Tensor]:
        """Returns the fields that are tensors, by name."""
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: value for name, value in given.items() if isinstance(value, Tensor)}

    def meta(self) -> dict[str, Any]:
        """Returns the other fields as JSON values; :meth:`read` accepts them."""
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in given.items()
            if value is not None and not isinstance(value, Tensor)
        }

    @classmethod
    def read(cls, meta: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Builds the target from the results of :meth:`meta` and :meth:`tensors`."""
        plain = {
            name: tuple(value) if isinstance(value, list) else value for name, value in meta.items()
        }
        return cls(**plain, **tensors)

    def statistics(self) -> dict[str, Any]:
        """Returns the statistics of the target in the form of a manifest's ``statistics``."""
        return {name: list(tensor.shape) for name, tensor in self.tensors().items()}

    def split_statistics(self, ids: Tensor) -> dict[str, Any]:
        """Returns the statistics of the targets with these ids, those of one split."""
        return {self.over: ids.numel()}

    def node_ids(self) -> Iterable[tuple[str, Tensor]]:
        """Yields ids with the node type they are of, all that the target names."""
        return ()

    def split_size(self, num_nodes: Mapping[str, int]) -> int | None:
        """Returns what the ids of a split are below; ``None`` if the target has no such ids."""
        return None

    def update_digest(self, digest: Digest, name: str) -> None:
        """Adds everything that a result depends on to a digest.

        Args:
            digest: The hash object.
            name: Name of the target in its data set.
        """
        meta = {key: value for key, value in self.meta().items() if key not in self.descriptive}
        digest.update(f"{self.kind} {name} {json.dumps(meta, sort_keys=True)}".encode())
        for key, tensor in sorted(self.tensors().items()):
            digest.update(key.encode())
            update_digest(digest, tensor)

    def default_splits(self) -> dict[str, Split]:
        """Returns the splits if a table declares none; empty: the task draws its own."""
        return {}

    def strata(self) -> Tensor | None:
        """Returns ``[n]`` classes whose fractions a drawn split may keep; ``None``: no classes."""
        return None

    @classmethod
    def of_pairs(cls, edge_type: EdgeType, valid: Tensor, test: Tensor) -> Self:
        """Builds the target from ``[2, n]`` edges that are held out of a relation."""
        raise NotImplementedError(f"{cls.kind} does not hold edges out.")

    @classmethod
    def from_rows(cls, rows: Rows, options: Mapping[str, Any]) -> tuple[Self, Tensor | None]:
        """Reads the target from a table.

        Args:
            rows: The table and its node or edge type.
            options: The declaration, with the keys of :attr:`options`.

        Returns:
            The target and, for edges, ``[num_targets]`` row numbers of the targets, as splits are
            columns of the same table.

        Raises:
            DataError: If a column is invalid.
        """
        raise NotImplementedError(f"{cls.kind} cannot be read from tables.")

    def to_rows(self, num_nodes: Mapping[str, int], *, lists: bool) -> Written | None:
        """Returns columns that :meth:`from_rows` reads; ``None`` if tables cannot hold them.

        Args:
            num_nodes: Number of nodes by type.
            lists: Whether a column can hold lists.
        """
        return None

    def _prefix(self, name: str) -> str:
        """Returns the name for the digest, empty for a default name, as in existing records."""
        return "" if name == self.kind else f"{name}: "
