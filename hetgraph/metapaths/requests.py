"""Requests for meta-paths: what each stands for, in a form that any process can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hetgraph.data.schema import Schema
from hetgraph.errors import MetaPathError
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.registry import (
    ANY_DATASET,
    known_metapaths,
    read_metapath_file,
    resolve_metapaths,
)

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["BoundRequests", "bind_requests", "requested_path"]


@dataclass(frozen=True)
class BoundRequests:
    """Requests that mean the same wherever they are read.

    Args:
        requests: Texts and ``name=text``, and the names of functions, whose meaning is no text.
        notes: A sentence for each request that was left out, because another one equals it.
    """

    requests: tuple[str, ...]
    notes: tuple[str, ...] = ()


def bind_requests(
    graph: HeteroGraph,
    dataset_name: str,
    requested: Sequence[str],
    *,
    declared: Mapping[str, str] | None = None,
) -> BoundRequests:
    """Replaces names and files by texts, and merges requests for equal paths.

    A name that was registered with a text is known only to the process that registered it, so the
    text goes with it. The name of a function stays.

    Args:
        graph: The graph that the paths must match.
        dataset_name: Name of the data set, such as ``"hgb/DBLP"``.
        requested: The requests; if empty, all of ``declared``.
        declared: Meta-paths that the data set declares, by name.

    Raises:
        MetaPathError: If a request is neither a known name nor a path of this graph, or a name is
            given to two paths.

    Example:
        >>> from hetgraph import load_dataset
        >>> from hetgraph.metapaths import register_metapath
        >>> graph = load_dataset("synthetic/academic", num_nodes=500).graph
        >>> register_metapath("my/library", "co", "author-paper-author")
        >>> bind_requests(graph, "my/library", ["co", "author-paper-author"])  # doctest: +ELLIPSIS
        BoundRequests(requests=('co=author-paper-author',), notes=("the meta-paths 'co' and ...",))
    """
    own = dict(declared or {})
    first: dict[MetaPath, str] = {}
    bound: dict[str, str] = {}
    notes: list[str] = []
    for request in requested or tuple(own):
        paths = resolve_metapaths(graph, dataset_name, [request], declared=own)
        texts = dict(_texts(dataset_name, request, own))
        for name, path in paths.items():
            if path in first:
                notes.append(_note(first[path], name))
            elif name in bound:
                raise MetaPathError(
                    f"the name {name!r} is given to two meta-paths, {bound[name]!r} and "
                    f"{texts.get(name, request)!r}; give each a name of its own."
                )
            else:
                first[path] = name
                bound[name] = texts.get(name, request)
    return BoundRequests(tuple(bound.values()), tuple(notes))


def requested_path(schema: Schema, request: str) -> MetaPath | None:
    """Returns the path of a text or of ``name=text``; ``None`` for a name.

    Example:
        >>> from hetgraph import load_dataset
        >>> schema = load_dataset("synthetic/academic", num_nodes=500).graph.schema
        >>> requested_path(schema, "apa=author-paper-author"), requested_path(schema, "apa")
        (MetaPath('author-paper-author'), None)
    """
    for text in (request, request.partition("=")[2]):
        try:
            return MetaPath.parse(text, schema)
        except MetaPathError:
            continue
    return None


def _texts(dataset: str, request: str, declared: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields name and ``name=text`` of what a request that is a name or a file stands for."""
    if request.endswith((".yaml", ".yml")):
        table = read_metapath_file(request)
        listed = {**table.get(ANY_DATASET, {}), **table.get(dataset, {})}
    else:
        known = known_metapaths(dataset, declared)
        listed = {request: known[request]} if request in known else {}
    for name, source in listed.items():
        has_text = isinstance(source, str) or (isinstance(source, MetaPath) and not source.custom)
        if has_text and "=" not in name:  # The first "=" ends the name.
            yield name, f"{name}={source}"


def _note(kept: str, other: str) -> str:
    if kept == other:
        return f"the meta-path {kept!r} is given twice; it is read once."
    return f"the meta-paths {kept!r} and {other!r} are equal; it is read once, as {kept!r}."
