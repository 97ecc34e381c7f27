"""Edges that are held out of the graph and are to be predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hetgraph.catalog.digest import Digest, update_digest
from hetgraph.catalog.targets.base import Rows, Target, Written
from hetgraph.data.schema import EdgeType
from hetgraph.errors import DataError

__all__ = ["Links"]

_PAIRS = ("valid", "test", "valid_negatives", "test_negatives")


@dataclass(frozen=True, eq=False)
class Links(Target):
    """Held-out edges of one relation or of several.

    Pairs are ``[2, n]`` int64, with sources in the first row; like edges, pairs may repeat. In
    tables, a table of pairs with a column of the words ``valid``, ``test``, ``valid_negatives``
    and ``test_negatives``.

    Args:
        edge_types: The relations; a single edge type is accepted, too.
        valid: Validation edges; ``None``: the task draws them.
        test: Test edges.
        valid_negatives: Negative pairs for validation, if the data set has them; one relation
            only.
        test_negatives: Negative pairs for the test; one relation only.
        valid_type: ``[n]`` int64 position in ``edge_types`` of each validation edge; several
            relations only.
        test_type: ``[n]`` int64 position in ``edge_types`` of each test edge; several relations
            only.

    Raises:
        DataError: If shapes, dtypes or ids are invalid, or negative pairs are given for several
            relations.

    Example:
        >>> likes, buys = EdgeType("user", "likes", "item"), EdgeType("user", "buys", "item")
        >>> pairs = torch.tensor([[0, 1, 1], [5, 5, 6]])
        >>> links = Links((likes, buys), None, pairs, test_type=torch.tensor([0, 1, 1]))
        >>> links.of(buys, "test").tolist()
        [[1, 1], [5, 6]]
    """

    kind: ClassVar[str] = "links"
    task: ClassVar[str] = "link-prediction"
    over: ClassVar[Literal["nodes", "edges"]] = "edges"
    holds_out: ClassVar[bool] = True

    edge_types: tuple[EdgeType, ...]
    valid: Tensor | None
    test: Tensor
    valid_negatives: Tensor | None = None
    test_negatives: Tensor | None = None
    valid_type: Tensor | None = None
    test_type: Tensor | None = None

    def __post_init__(self) -> None:
        given = self.edge_types
        single = len(given) == 3 and all(isinstance(word, str) for word in given)
        keys = tuple(EdgeType(*key) for key in ([given] if single else given))
        object.__setattr__(self, "edge_types", keys)
        if not keys or len(set(keys)) < len(keys):
            names = ", ".join(map(str, keys)) or "none"
            raise DataError(f"held-out links are of {names}; expected different edge types.")
        for name, pairs in self.pairs().items():
            if pairs.dim() != 2 or pairs.shape[0] != 2 or pairs.dtype != torch.int64:
                raise DataError(
                    f"{self._where}: {name} is {pairs.dtype} {list(pairs.shape)}, expected int64 "
                    "[2, n]: sources and destinations."
                )
            if pairs.numel() and int(pairs.min()) < 0:
                raise DataError(
                    f"{self._where}: {name} holds the node {int(pairs.min())}, expected ids from 0."
                )
        self._check_types("valid_type", self.valid_type, self.valid)
        self._check_types("test_type", self.test_type, self.test)
        if len(keys) > 1 and len(self.pairs()) > 1 + (self.valid is not None):
            raise DataError(
                f"{self._where}: negative pairs are given for one relation only; make one target "
                "for each relation."
            )

    def _check_types(self, name: str, types: Tensor | None, pairs: Tensor | None) -> None:
        several = len(self.edge_types) > 1
        if (types is not None) != (several and pairs is not None):
            raise DataError(
                f"{self._where}: {name} is {'given' if types is not None else 'missing'}; it is "
                "needed for pairs of several relations, and only then."
            )
        if types is None or pairs is None:
            return
        if types.dtype != torch.int64 or list(types.shape) != [pairs.shape[1]]:
            raise DataError(
                f"{self._where}: {name} is {types.dtype} {list(types.shape)}, expected int64 "
                f"{[pairs.shape[1]]}."
            )
        count = len(self.edge_types)
        if types.numel() and not 0 <= int(types.min()) <= int(types.max()) < count:
            raise DataError(
                f"{self._where}: {name} runs from {int(types.min())} to {int(types.max())}, "
                f"expected 0..{count - 1}."
            )

    @property
    def _where(self) -> str:
        return f"held-out links of {', '.join(map(str, self.edge_types))}"

    @property
    def edge_type(self) -> EdgeType:
        """The relation.

        Raises:
            DataError: If there are several.
        """
        if len(self.edge_types) > 1:
            raise DataError(f"{self._where}: expected one relation.")
        return self.edge_types[0]

    def node_ids(self) -> Iterable[tuple[str, Tensor]]:
        """Yields sources and destinations of all pairs, those of each relation together."""
        for name, links in self.pairs().items():
            kinds = getattr(self, f"{name}_type", None)
            for position, key in enumerate(self.edge_types):
                own = links if kinds is None else links[:, kinds == position]
                yield key.src, own[0]
                yield key.dst, own[1]

    def pairs(self) -> dict[str, Tensor]:
        """Returns the given pairs by name."""
        given = {name: getattr(self, name) for name in _PAIRS}
        return {name: pairs for name, pairs in given.items() if pairs is not None}

    def of(self, edge_type: EdgeType, split: str) -> Tensor:
        """Returns the pairs of one relation, ``[2, n]``.

        Args:
            edge_type: One of ``edge_types``.
            split: ``"valid"`` or ``"test"``; without validation edges ``"valid"`` is empty.
        """
        pairs, types = getattr(self, split), getattr(self, f"{split}_type")
        if pairs is None:
            return torch.zeros(2, 0, dtype=torch.int64)
        chosen: Tensor = pairs
        if types is not None:
            chosen = pairs[:, types == self.edge_types.index(edge_type)]
        return chosen

    def meta(self) -> dict[str, Any]:
        """Returns the edge types as lists."""
        return {"edge_types": [list(key) for key in self.edge_types]}

    @classmethod
    def read(cls, meta: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Links:
        """Builds the target; there may be no validation edges."""
        keys = tuple(EdgeType(*key) for key in meta["edge_types"])
        more = {name: tensors[name] for name in tensors if name not in ("valid", "test")}
        return cls(keys, tensors.get("valid"), tensors["test"], **more)

    def statistics(self) -> dict[str, Any]:
        """Returns the number of pairs by name."""
        return {name: pairs.shape[1] for name, pairs in self.pairs().items()}

    def update_digest(self, digest: Digest, name: str) -> None:
        """Adds name, relations and pairs to a digest."""
        digest.update(f"{name} {', '.join(map(str, self.edge_types))}".encode())
        update_digest(digest, self.valid, self.test)
        # Existing records hold digests of data sets without these, so ``None`` adds nothing.
        more = (self.valid_negatives, self.test_negatives, self.valid_type, self.test_type)
        update_digest(digest, *(tensor for tensor in more if tensor is not None))

    @classmethod
    def of_pairs(cls, edge_type: EdgeType, valid: Tensor, test: Tensor) -> Links:
        """Builds the target from ``[2, n]`` edges that are held out of a relation."""
        return cls((edge_type,), valid, test)

    @classmethod
    def from_rows(cls, rows: Rows, options: Mapping[str, Any]) -> tuple[Links, Tensor]:
        """Reads pairs marked by ``column``; pairs without a mark are left out."""
        name = str(options["column"])
        where = f"{rows.table.label}, column {name!r}"
        column = rows.table.written(name)
        words = pc.unique(column.drop_null()).to_pylist()
        unknown = sorted({str(word) for word in words} - set(_PAIRS))
        if unknown:
            raise DataError(f"{where} holds {unknown[0]!r}; expected {', '.join(_PAIRS)}.")
        kept = {
            key: torch.from_numpy(
                np.flatnonzero(np.asarray(pc.equal(column, key).fill_null(False)))
            )
            for key in _PAIRS
        }
        pairs = {key: rows.edges[:, ids] for key, ids in kept.items() if ids.numel()}
        if "test" not in pairs:
            raise DataError(f"{where}: no pair is marked 'test'; mark the test pairs.")
        target = cls.read({"edge_types": [rows.place]}, pairs)
        return target, torch.cat(list(kept.values()))

    def to_rows(self, num_nodes: Mapping[str, int], *, lists: bool) -> Written | None:
        """Returns the pairs of one relation; several relations do not fit into one table."""
        if len(self.edge_types) > 1:
            return None
        words = [name for name, pairs in self.pairs().items() for _ in range(pairs.shape[1])]
        columns = {"column": pa.array(words, pa.large_string())}
        pairs = torch.cat(list(self.pairs().values()), dim=1)
        return Written(self.edge_type, columns, edges=pairs)
