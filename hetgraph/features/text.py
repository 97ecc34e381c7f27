"""Text features: encoded texts, with missing ones filled from neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from hetgraph.data.numbering import joint_adjacency, node_spans
from hetgraph.errors import DataError
from hetgraph.features.encoder import TextEncoder, make_encoder
from hetgraph.features.store import mark, stored
from hetgraph.ops import spmm

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["embed_texts", "text_features"]

_BLOCK = 1024
"""Number of texts per cache file: the most that a killed run loses."""
_ROUNDS = 3  # maximum number of hops over which missing vectors are filled


def text_features(
    graph: HeteroGraph,
    encoder: TextEncoder | str = "minilm",
    *,
    fill: bool = True,
    standardize: bool = True,
    scale: tuple[Tensor, Tensor] | None = None,
    progress: bool = True,
) -> dict[str, Tensor]:
    """Returns ``[num_nodes, dim]`` float32 vectors by node type.

    Args:
        graph: The graph; at least one type has texts.
        encoder: An encoder or its name, see :func:`make_encoder`.
        fill: Whether to fill nodes without a text with the mean over their neighbours, for up to
            three hops. Others are zero.
        standardize: Whether to scale columns to mean 0 and std 1 over the nodes that have a vector.
        scale: Means and stds of another graph, ``[dim]`` each, to scale by; see :func:`text_scale`.
        progress: Whether to show a progress bar on a terminal.

    Raises:
        DataError: If no node has a text.
        ConfigError: If the encoder is unknown.

    Example:
        >>> from hetgraph.data import HeteroGraph, Relation
        >>> cites = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), 3, 3)
        >>> graph = HeteroGraph(
        ...     num_nodes={"paper": 3},
        ...     relations={("paper", "cites", "paper"): cites},
        ...     text={"paper": ["graph learning", None, "set theory"]},
        ... )
        >>> text_features(graph, "hash:32", progress=False)["paper"].shape
        torch.Size([3, 32])
    """
    if not graph.text:
        raise DataError(f"no node of {graph.name or 'the graph'} has a text to be encoded.")
    chosen = make_encoder(encoder) if isinstance(encoder, str) else encoder
    spans = node_spans(graph.num_nodes)
    total = sum(graph.num_nodes.values())
    vectors = torch.zeros(total, chosen.dim)
    known = torch.zeros(total, dtype=torch.bool)
    for name, column in graph.text.items():
        vectors[spans[name]] = embed_texts(column, chosen, progress=progress)
        known[spans[name]] = (vectors[spans[name]] != 0).any(dim=1)
    if fill and graph.num_edges:
        vectors, known = _fill(graph, vectors, known)
    if standardize and bool(known.any()):
        mean, std = scale or _scale(vectors[known])
        vectors[known] = (vectors[known] - mean) / std
    return {name: vectors[span].clone() for name, span in spans.items()}


def text_scale(graph: HeteroGraph, encoder: TextEncoder | str) -> tuple[Tensor, Tensor]:
    """Returns the ``[dim]`` means and stds that :func:`text_features` scales a graph by."""
    raw = text_features(graph, encoder, standardize=False, progress=False)
    vectors = torch.cat(list(raw.values()))
    return _scale(vectors[(vectors != 0).any(dim=1)])


def _scale(vectors: Tensor) -> tuple[Tensor, Tensor]:
    std, mean = torch.std_mean(vectors, dim=0, correction=0)
    return mean, torch.where(std > 1e-6, std, 1.0)


def _fill(graph: HeteroGraph, vectors: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    edges = joint_adjacency(graph, undirected=True)
    for _ in range(_ROUNDS):
        missing = (~known).nonzero().squeeze(1)
        near = edges.rows(missing)
        count = spmm(near, known.float())
        filled = count > 0
        if not bool(filled.any()):
            break
        vectors[missing[filled]] = spmm(near, vectors)[filled] / count[filled].unsqueeze(1)
        known = known.clone()
        known[missing[filled]] = True
    return vectors, known


def embed_texts(texts: Any, encoder: TextEncoder, *, progress: bool = True) -> Tensor:
    """Returns vectors of texts; zeros for missing and blank texts.

    Equal texts are encoded once. Vectors are cached on disk in blocks, keyed by the texts and the
    identity of the encoder, so that an interrupted run resumes where it stopped.

    Args:
        texts: ``[n]`` strings or ``None``, as an Arrow array or a sequence.
        encoder: The encoder, called only for texts that are not in the cache.
        progress: Whether to show a progress bar on a terminal.

    Returns:
        ``[n, dim]`` float32.

    Example:
        >>> from hetgraph.features.encoder import HashEncoder
        >>> vectors = embed_texts(["graph", None, "graph"], HashEncoder(16), progress=False)
        >>> vectors.shape, torch.equal(vectors[0], vectors[2]), bool(vectors[1].any())
        (torch.Size([3, 16]), True, False)
    """
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    column = pc.utf8_trim_whitespace(column.cast(pa.string()))
    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    known = pc.unique(column.drop_null())
    if not len(known):
        return torch.zeros(len(column), encoder.dim)
    blocks = [known.slice(start, _BLOCK).to_pylist() for start in range(0, len(known), _BLOCK)]
    encoded = []
    with _bar(f"texts, {encoder.identity.split(':')[1]}", len(known), wanted=progress) as advance:
        for block in blocks:
            make = partial(encoder.encode, block)
            encoded.append(stored("text", (encoder.identity, block), make))
            advance(len(block))
    mark("text", encoder.identity)
    vectors = torch.cat(encoded)
    place = pc.fill_null(pc.index_in(column, value_set=known), -1)
    row = torch.tensor(place.to_numpy(), dtype=torch.int64)
    return torch.where((row >= 0).unsqueeze(1), vectors[row.clamp(min=0)], 0.0)


@contextmanager
def _bar(title: str, total: int, *, wanted: bool) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    shown = wanted and console.is_terminal
    with Progress(console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=total)

        def advance(count: int) -> None:
            bar.update(task, advance=count)

        yield advance
