"""What is asked of a model: nodes by the user's ids, pairs, and their relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hetgraph.catalog import Links
from hetgraph.data.csr import CSR
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.schema import EdgeType
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.io.given_target import index_ids
from hetgraph.io.lookup import is_mask, node_numbers

__all__ = [
    "check_question",
    "is_all",
    "known_pairs",
    "nodes_asked",
    "pairs_asked",
    "relations_asked",
]


def check_question(
    kind: str,
    *,
    nodes: Any,
    pairs: Any,
    relation: Any,
    top: int,
    embeddings: bool,
    rows: int | None,
    of_pairs: bool,
    ranks: bool,
) -> None:
    """Checks that a question fits the task of a model.

    Args:
        kind: The family of the task.
        nodes: See :meth:`hetgraph.runs.Fitted.predict`, as the following ones.
        pairs: Pairs.
        relation: A relation.
        top: Most candidates of a source.
        embeddings: Whether vectors are wanted.
        rows: Rows of a block.
        of_pairs: Whether the task is about pairs.
        ranks: Whether it ranks candidates.

    Raises:
        ConfigError: If it does not; it tells every reason.
    """
    some = not is_all(nodes)
    reasons = {
        f"pairs are given, but {kind} is about nodes": pairs is not None and not of_pairs,
        f"a relation is given, but {kind} is about nodes": relation is not None and not of_pairs,
        f"nodes are given, but {kind} is about edges; give pairs": some and of_pairs and not ranks,
        "nodes and pairs are given; choose one of them": some and pairs is not None,
        "of pairs the vectors of all nodes are returned; leave nodes, pairs and relation out": (
            of_pairs and embeddings and (some or pairs is not None or relation is not None)
        ),
        f"top is {top}, expected 1 or more": top < 1,
        f"a block has {rows} rows, expected 1 or more": rows is not None and rows < 1,
    }
    if wrong := [reason for reason, holds in reasons.items() if holds]:
        raise ConfigError(f"{'; '.join(wrong)}.")


def nodes_asked(graph: HeteroGraph, node_type: str, nodes: Any) -> Tensor:
    """Returns ``[n]`` int64 numbers of the nodes that are asked about.

    Args:
        graph: The graph.
        node_type: Type of the nodes.
        nodes: ``"all"``; one id, or ids as a list, an array or a column; a mask; or a tensor of
            row numbers.

    Raises:
        DataError: If ids are unknown, or numbers are outside of the graph.

    Example:
        >>> graph = HeteroGraph(num_nodes={"user": 3}, relations={}, ids={"user": ["a", "b", "c"]})
        >>> nodes_asked(graph, "user", ["c", "a"]).tolist()
        [2, 0]
    """
    if is_all(nodes):
        return torch.arange(graph.num_nodes[node_type])
    if (marks := _marks(nodes)) is not None:
        if (named := index_ids(nodes, f"masks of {node_type!r} nodes")) is not None:
            nodes = [name for name, marked in zip(named, marks, strict=True) if marked]
        else:
            nodes = torch.from_numpy(marks)
    if isinstance(nodes, Tensor):
        return _numbers(graph.num_nodes[node_type], node_type, nodes.detach().cpu())
    return node_numbers(graph, node_type, _listed(nodes))


def relations_asked(keys: Sequence[EdgeType], relation: Any = None) -> list[int]:
    """Returns positions of the relations that are asked about.

    Args:
        keys: The relations that a model was trained for.
        relation: Name of one, or its edge type; ``None``: all of them.

    Raises:
        ConfigError: If there is no such relation, or several have the name.
    """
    if relation is None:
        return [*range(len(keys))]
    words = relation if isinstance(relation, str) else _written(relation)
    chosen = [i for i, key in enumerate(keys) if words in (str(key), key.name)]
    if not chosen:
        known = [str(key) for key in keys]
        raise ConfigError(f"the model predicts no relation {words!r}.{suggest(words, known)}")
    if len(chosen) > 1:
        listed = ", ".join(f"'{keys[i]}'" for i in chosen)
        raise ConfigError(f"{len(chosen)} relations have the name {words!r}; choose one: {listed}.")
    return chosen


def pairs_asked(
    graph: HeteroGraph, keys: Sequence[EdgeType], pairs: Any, relation: Any = None
) -> tuple[Tensor, Tensor]:
    """Returns ``[2, n]`` int64 numbers of both ends, and ``[n]`` int64 positions of relations.

    Args:
        graph: The graph.
        keys: The relations that a model was trained for.
        pairs: ``(sources, destinations)``, each as for :func:`nodes_asked`; a ``[2, n]`` tensor of
            row numbers; or a table with the columns ``src``, ``dst`` and possibly ``relation``.
            ``None``: all edges of the relation.
        relation: A relation, or one per pair; needed where there are several.

    Raises:
        ConfigError: If relations are unknown or missing, or pairs are of no known form.
        DataError: If ids are unknown, or there are not as many of each.

    Example:
        >>> key = EdgeType("user", "buys", "item")
        >>> graph = HeteroGraph(num_nodes={"user": 2, "item": 3}, relations={})
        >>> pairs_asked(graph, [key], ([0, 1], [2, 2]))
        (tensor([[0, 1],
                [2, 2]]), tensor([0, 0]))
    """
    if pairs is None:
        position = _only(keys, relation)
        ends = torch.stack(graph.relations[keys[position]].edges())
        return ends, torch.full((ends.shape[1],), position)
    (src, dst), relation = _ends(pairs, relation)
    if _is_one(relation):
        kinds = torch.full((len(src),), _only(keys, relation))
    else:
        kinds = _positions(keys, [str(name) for name in _listed(relation)])
    if not len(src) == len(dst) == kinds.numel():
        raise DataError(
            f"{len(src):,} sources, {len(dst):,} destinations and {kinds.numel():,} relations; "
            "expected as many of each."
        )
    ends, wrong = torch.zeros(2, kinds.numel(), dtype=torch.int64), []
    for position in sorted(set(kinds.tolist())):
        own, key = (kinds == position).nonzero().squeeze(1), keys[position]
        for row, (name, end) in enumerate(((key.src, src), (key.dst, dst))):
            taken = end[own] if isinstance(end, Tensor) else end.take(pa.array(own.numpy()))
            try:
                ends[row, own] = nodes_asked(graph, name, taken)
            except DataError as error:
                wrong.append(str(error))
    if wrong:
        raise DataError("\n".join(wrong))
    return ends, kinds


def known_pairs(
    graph: HeteroGraph, keys: Iterable[EdgeType], held_out: Iterable[Links] = ()
) -> dict[EdgeType, CSR]:
    """Returns pairs that are not news, by relation: edges of the graph, and links held out of it.

    Args:
        graph: The graph.
        keys: The relations.
        held_out: Links of the data set that are not among the edges.
    """
    known, held_out = {}, list(held_out)
    for key in keys:
        ends = [torch.stack(graph.relations[key].edges())]
        for links in held_out:
            if key in links.edge_types:
                ends += [links.of(key, "valid"), links.of(key, "test")]
        src, dst = torch.cat(ends, dim=1)
        known[key] = CSR.from_coo(src, dst, (graph.num_nodes[key.src], graph.num_nodes[key.dst]))
    return known


def is_all(nodes: Any) -> bool:
    """Whether all nodes are asked about."""
    return isinstance(nodes, str) and nodes == "all"


def _marks(nodes: Any) -> np.ndarray[Any, Any] | None:
    """Returns a mask as an array of bool; ``None`` if nodes are given otherwise."""
    if isinstance(nodes, Tensor) or not (isinstance(nodes, list) or hasattr(nodes, "dtype")):
        return None
    array = np.asarray(nodes)
    return array.astype(bool) if array.ndim == 1 and is_mask(array) else None


def _numbers(size: int, node_type: str, nodes: Tensor) -> Tensor:
    """Checks row numbers of nodes, or turns a mask into these."""
    nodes = nodes.reshape(1) if nodes.dim() == 0 else nodes
    if nodes.dim() != 1:
        raise DataError(f"a tensor of {node_type!r} nodes is {list(nodes.shape)}; expected [n].")
    if nodes.dtype == torch.bool:
        if nodes.numel() != size:
            raise DataError(
                f"a mask of {node_type!r} nodes has {nodes.numel():,} entries, expected {size:,}."
            )
        return nodes.nonzero().squeeze(1)
    if nodes.numel() and (nodes.is_floating_point() or nodes.is_complex()):
        raise DataError(f"numbers of {node_type!r} nodes are {nodes.dtype}; expected whole ones.")
    outside = nodes[(nodes < 0) | (nodes >= size)]
    if outside.numel():
        raise DataError(
            f"{outside.numel():,} of {nodes.numel():,} row numbers of {node_type!r} nodes, "
            f"{int(outside[0])} for example, are outside of 0..{size - 1}."
        )
    return nodes.long()


def _listed(ids: Any) -> list[Any] | pa.Array:
    """Returns ids as a list or an Arrow array, whatever holds them; one id alone is a list, too."""
    if isinstance(ids, pa.ChunkedArray):
        return ids.combine_chunks()
    if isinstance(ids, (list, pa.Array)):
        return ids
    if isinstance(ids, (str, bytes)):
        return [ids]
    for name in ("to_list", "tolist"):  # columns of pandas and polars, arrays of numpy
        if hasattr(ids, name):
            listed = getattr(ids, name)()
            return listed if isinstance(listed, list) else [listed]
    return list(ids) if isinstance(ids, Iterable) else [ids]


def _ends(pairs: Any, relation: Any) -> tuple[tuple[Any, Any], Any]:
    """Returns sources, destinations and relations of pairs, as tensors or Arrow arrays."""
    names = getattr(pairs, "column_names", getattr(pairs, "columns", None))
    if isinstance(pairs, Mapping):
        names = list(pairs)
    if names is not None:
        missing = [name for name in ("src", "dst") if name not in names]
        if missing:
            raise ConfigError(
                f"a table of pairs has no column {' and no column '.join(map(repr, missing))}; "
                f"its columns are {', '.join(map(str, names))}."
            )
        if relation is None and "relation" in names:
            relation = _listed(pairs["relation"])
        pairs = (pairs["src"], pairs["dst"])
    if isinstance(pairs, (str, bytes)) or not hasattr(pairs, "__len__") or len(pairs) != 2:
        raise ConfigError(
            "the pairs are of no known form; expected (sources, destinations), or a table with "
            "the columns src and dst."
        )
    src, dst = (_end(end) for end in pairs)
    return (src, dst), relation


def _end(end: Any) -> Any:
    if isinstance(end, Tensor):
        return end.reshape(1) if end.dim() == 0 else end
    listed = _listed(end)
    if isinstance(listed, pa.Array):
        return listed
    try:
        return pa.array(listed)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"ids of pairs are {end!r:.60}; expected texts, or numbers, in each of "
            "(sources, destinations)."
        ) from error


def _is_one(relation: Any) -> bool:
    """Whether there is one relation, and not one per pair."""
    return relation is None or isinstance(relation, (str, tuple))


def _only(keys: Sequence[EdgeType], relation: Any) -> int:
    if not _is_one(relation):
        raise ConfigError("a relation per pair is given, but no pairs; give pairs=, too.")
    positions = relations_asked(keys, relation)
    if len(positions) > 1:
        raise ConfigError(f"name the relation of the pairs, one of {', '.join(map(str, keys))}.")
    return positions[0]


def _positions(keys: Sequence[EdgeType], names: Sequence[str]) -> Tensor:
    """Positions of relations by name; all that are unknown in one error."""
    places: dict[str, int] = {}
    wrong = []
    for name in dict.fromkeys(names):
        try:
            places[name] = relations_asked(keys, name)[0]
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError(" ".join(wrong))
    return torch.tensor([places[name] for name in names], dtype=torch.int64)


def _written(relation: Any) -> str:
    if isinstance(relation, tuple) and len(relation) == 3:
        return str(EdgeType(*relation))
    raise ConfigError(f"the relation is {relation!r:.60}; expected its name or (src, name, dst).")
