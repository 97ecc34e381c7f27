"""The heterogeneous graph: an immutable, validated value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.data.csr import CSR
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.data.validation import check_graph
from hetgraph.errors import DataError, SchemaError

if TYPE_CHECKING:
    from hetgraph.data.summary import Summary

__all__ = ["HeteroGraph"]

EdgeKey = EdgeType | tuple[str, str, str] | str


class HeteroGraph:
    """Typed nodes and typed relations that never change after construction.

    The schema is derived from the data: features that are a :class:`CSR` are declared sparse,
    other float tensors dense, integer ``[num_nodes]`` tensors categorical. A type without features
    is declared ``"none"`` (or ``"text"`` if it has text). Validation runs once, here.

    Args:
        num_nodes: Number of nodes by type, in the order the types shall have.
        relations: Edges by edge type.
        features: Features by node type, ``[num_nodes, dim]``; types without any are left out.
        reverses: Pairs of edge types that hold the same edges in opposite directions.
        ids: The user's own node ids by type, ``[num_nodes]``.
        text: A text for each node by type, ``[num_nodes]`` strings.
        name: What the graph is called in tables.

    Raises:
        SchemaError: If names contradict each other.
        DataError: If counts, ranges, dtypes or values do not fit, or the graph is empty.
    """

    schema: Schema
    num_nodes: Mapping[str, int]
    relations: Mapping[EdgeType, Relation]
    features: Mapping[str, Tensor | CSR]
    ids: Mapping[str, pa.Array]
    text: Mapping[str, pa.Array]
    name: str

    def __init__(
        self,
        *,
        num_nodes: Mapping[str, int],
        relations: Mapping[EdgeType, Relation] | Mapping[tuple[str, str, str], Relation],
        features: Mapping[str, Tensor | CSR] | None = None,
        reverses: Sequence[tuple[EdgeType, EdgeType]] = (),
        ids: Mapping[str, Any] | None = None,
        text: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        typed = {EdgeType(*key): relation for key, relation in relations.items()}
        values: dict[str, Any] = {
            "num_nodes": MappingProxyType({str(key): int(n) for key, n in num_nodes.items()}),
            "relations": MappingProxyType(typed),
            "features": MappingProxyType(dict(features or {})),
            "ids": MappingProxyType({k: _column(v) for k, v in (ids or {}).items()}),
            "text": MappingProxyType({k: _column(v) for k, v in (text or {}).items()}),
            "name": name,
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, "schema", self._derive_schema(tuple(reverses)))
        check_graph(self)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"HeteroGraph is immutable; use with_features, with_relation, ... not .{name} ="
        )

    def _derive_schema(self, reverses: tuple[tuple[EdgeType, EdgeType], ...]) -> Schema:
        nodes = {
            key: _feature_spec(self.features.get(key), key in self.text) for key in self.num_nodes
        }
        edges = {
            key: EdgeSpec(
                weighted=relation.weight is not None,
                feature_dim=0
                if relation.edge_features is None
                else relation.edge_features.shape[-1],
                timed=relation.edge_time is not None,
            )
            for key, relation in self.relations.items()
        }
        return Schema(nodes, edges, reverses)

    # ------------------------------------------------------------------- reading

    @property
    def node_types(self) -> tuple[str, ...]:
        """Node types in declared order."""
        return tuple(self.num_nodes)

    @property
    def edge_types(self) -> tuple[EdgeType, ...]:
        """Edge types in declared order."""
        return tuple(self.relations)

    @property
    def num_edges(self) -> int:
        """Number of edges over all relations, reverses counted."""
        return sum(relation.num_edges for relation in self.relations.values())

    @property
    def device(self) -> torch.device:
        """Where the relations live; the CPU for a graph without relations."""
        for relation in self.relations.values():
            return relation.device
        return torch.device("cpu")

    def relation(self, edge_type: EdgeKey) -> Relation:
        """Returns the edges of an edge type, given as a triple or an unambiguous name.

        Raises:
            SchemaError: If the type is unknown or ambiguous.
        """
        return self.relations[self.schema.edge_type(edge_type)]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over schema, features, relations, ids and text; the name does not count."""
        from hetgraph.data.hashing import graph_hash

        return graph_hash(self)

    def summary(self) -> Summary:
        """Returns a table for people: types, counts, features, degrees, reverses."""
        from hetgraph.data.summary import summarize

        return summarize(self)

    def __repr__(self) -> str:
        label = f"{self.name}: " if self.name else ""
        total = sum(self.num_nodes.values())
        return (
            f"HeteroGraph({label}{total:,} nodes of {len(self.num_nodes)} types, "
            f"{self.num_edges:,} edges of {len(self.relations)} types)"
        )

    # ------------------------------------------------------------- changed copies

    def replace(self, **changes: Any) -> HeteroGraph:
        """Returns a validated copy with other constructor arguments."""
        current: dict[str, Any] = {
            "num_nodes": self.num_nodes,
            "relations": self.relations,
            "features": self.features,
            "reverses": self.schema.reverses,
            "ids": self.ids,
            "text": self.text,
            "name": self.name,
        }
        return HeteroGraph(**{**current, **changes})

    def with_features(self, node_type: str, features: Tensor | CSR | None) -> HeteroGraph:
        """Returns the graph with other features for one type (``None`` removes them)."""
        self.schema.node_type(node_type)
        kept = {key: value for key, value in self.features.items() if key != node_type}
        if features is not None:
            kept[node_type] = features
        return self.replace(features=kept)

    def with_relation(
        self, edge_type: EdgeKey, relation: Relation, *, reverse_of: EdgeKey | None = None
    ) -> HeteroGraph:
        """Returns the graph with one relation added or replaced.

        Args:
            edge_type: The relation's type; a new one is given as a triple.
            relation: Its edges.
            reverse_of: The edge type this one holds in the opposite direction, if any.
        """
        new_type = (
            EdgeType(*edge_type)
            if not isinstance(edge_type, str)
            else self.schema.edge_type(edge_type)
        )
        relations = {**self.relations, new_type: relation}
        reverses = tuple(pair for pair in self.schema.reverses if new_type not in pair)
        if reverse_of is not None:
            reverses += ((self.schema.edge_type(reverse_of), new_type),)
        return self.replace(relations=relations, reverses=reverses)

    def without_relation(self, edge_type: EdgeKey) -> HeteroGraph:
        """Returns the graph without a relation and without its declared reverse."""
        gone = self.schema.edge_type(edge_type)
        both = {gone, self.schema.reverse_of(gone) or gone}
        relations = {key: value for key, value in self.relations.items() if key not in both}
        reverses = tuple(pair for pair in self.schema.reverses if not both & set(pair))
        return self.replace(relations=relations, reverses=reverses)

    def without_edges(self, edge_type: EdgeKey, src: Tensor, dst: Tensor) -> HeteroGraph:
        """Returns the graph without some edges, also in the declared reverse.

        Every parallel copy of a listed ``(src, dst)`` pair is removed, which is what a
        leak-free link split needs. O(num_edges log num_removed).

        Args:
            edge_type: The relation the pairs belong to.
            src: ``[n]`` source ids.
            dst: ``[n]`` destination ids.
        """
        key = self.schema.edge_type(edge_type)
        reverse = self.schema.reverse_of(key)
        relations = dict(self.relations)
        relations[key] = _drop_pairs(relations[key], src, dst)
        if reverse is not None:
            relations[reverse] = _drop_pairs(relations[reverse], dst, src)
        return self.replace(relations=relations)

    def subgraph(self, nodes: Mapping[str, Tensor]) -> HeteroGraph:
        """Returns the induced subgraph; types not listed keep all their nodes.

        Args:
            nodes: Ids to keep by type, in the order they shall have (int64), or a bool mask.
        """
        index = {
            self.schema.node_type(key): self._node_index(key, ids) for key, ids in nodes.items()
        }
        relations = {}
        for key, relation in self.relations.items():
            part = relation.rows(index[key.dst]) if key.dst in index else relation
            if key.src in index:
                part = part.transpose.rows(index[key.src]).transpose
            relations[key] = part
        return self.replace(
            num_nodes={k: index[k].numel() if k in index else n for k, n in self.num_nodes.items()},
            relations=relations,
            features={
                k: _take_rows(x, index[k]) if k in index else x for k, x in self.features.items()
            },
            ids={k: _take(v, index.get(k)) for k, v in self.ids.items()},
            text={k: _take(v, index.get(k)) for k, v in self.text.items()},
        )

    def _node_index(self, node_type: str, ids: Tensor) -> Tensor:
        index = ids.nonzero().squeeze(1) if ids.dtype == torch.bool else ids.long()
        bound = self.num_nodes[node_type]
        if index.numel() and (int(index.min()) < 0 or int(index.max()) >= bound):
            raise DataError(f"subgraph: {node_type!r} ids must lie in 0..{bound - 1}.")
        if torch.unique(index).numel() != index.numel():
            raise DataError(f"subgraph: {node_type!r} ids are repeated; give each node once.")
        return index

    def reversed(self) -> HeteroGraph:
        """Returns the graph with every edge turned round; relation names stay."""
        flip = {key: EdgeType(key.dst, key.name, key.src) for key in self.relations}
        if len(set(flip.values())) < len(flip):
            raise SchemaError(
                "reversed(): two relations would get the same triple; rename one first."
            )
        return self.replace(
            relations={flip[key]: relation.transpose for key, relation in self.relations.items()},
            reverses=tuple((flip[a], flip[b]) for a, b in self.schema.reverses),
        )

    def with_reverses(self, prefix: str = "rev_") -> HeteroGraph:
        """Returns the graph where every relation has a declared reverse; missing ones are added."""
        relations, reverses = dict(self.relations), list(self.schema.reverses)
        for key, relation in self.relations.items():
            if self.schema.reverse_of(key) is None:
                new = EdgeType(key.dst, prefix + key.name, key.src)
                if new in relations:
                    raise SchemaError(
                        f"with_reverses: ({new}) exists already; choose another prefix."
                    )
                relations[new] = relation.transpose
                reverses.append((key, new))
        return self.replace(relations=relations, reverses=reverses)

    def to(self, device: torch.device | str) -> HeteroGraph:
        """Returns the graph on ``device``; itself if it is there already."""
        if torch.device(device) == self.device and all(
            x.device == torch.device(device) for x in self.features.values()
        ):
            return self
        return self.replace(
            relations={key: relation.to(device) for key, relation in self.relations.items()},
            features={key: x.to(device) for key, x in self.features.items()},
        )

    def pin_memory(self) -> HeteroGraph:
        """Returns the graph in page-locked memory, for fast copies to a GPU."""
        return self.replace(
            relations={key: relation.pin_memory() for key, relation in self.relations.items()},
            features={key: x.pin_memory() for key, x in self.features.items()},
        )

    # -------------------------------------------------------------- other formats

    def save(self, folder: str | Path) -> None:
        """Writes the graph to a folder: JSON, safetensors and Parquet, never pickle."""
        from hetgraph.data.storage import save_graph

        save_graph(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, **options: Any) -> HeteroGraph:
        """Reads a graph that :meth:`save` wrote."""
        from hetgraph.data.storage import load_graph

        return load_graph(Path(folder), **options)


def _feature_spec(features: Tensor | CSR | None, has_text: bool) -> FeatureSpec:
    if features is None:
        return FeatureSpec("text" if has_text else "none")
    if isinstance(features, CSR):
        return FeatureSpec("sparse", features.num_cols)
    if not features.is_floating_point() and features.dim() == 1:
        return FeatureSpec("categorical", int(features.max()) + 1 if features.numel() else 0)
    return FeatureSpec("dense", features.shape[-1] if features.dim() > 1 else 0)


def _column(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    return pa.array(values.numpy() if isinstance(values, Tensor) else values)


def _take(values: pa.Array, index: Tensor | None) -> pa.Array:
    return values if index is None else values.take(pa.array(index.cpu().numpy()))


def _take_rows(features: Tensor | CSR, index: Tensor) -> Tensor | CSR:
    return (
        features.rows(index) if isinstance(features, CSR) else features[index.to(features.device)]
    )


def _drop_pairs(relation: Relation, src: Tensor, dst: Tensor) -> Relation:
    key = relation.row_ids * relation.num_src + relation.indices.long()
    gone = (dst.long() * relation.num_src + src.long()).to(relation.device)
    stay = ~np.isin(key.cpu().numpy(), gone.cpu().numpy())
    return relation.select(torch.from_numpy(stay).to(relation.device))
