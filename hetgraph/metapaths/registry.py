"""Meta-paths by name: registered in Python, by YAML files or by installed packages."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from hetgraph.data.relation import Relation
from hetgraph.errors import ConfigError, FileFormatError, MetaPathError, suggest
from hetgraph.metapaths.chain import bind_path
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.step import SYMBOLS

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = [
    "ANY_DATASET",
    "GROUP",
    "MetaPathSource",
    "known_metapaths",
    "metapath_names",
    "read_metapath_file",
    "register_metapath",
    "register_metapath_file",
    "resolve_metapaths",
]

MetaPathSource: TypeAlias = "str | MetaPath | Callable[[HeteroGraph], Any]"
"""A text, a path, or a function of the graph that returns a text, a path, a `Relation` or
`(start type, end type, Relation)`."""

Table: TypeAlias = dict[str, dict[str, MetaPathSource]]

ANY_DATASET = "*"
GROUP = "hetgraph.metapaths"

_registered: Table = {}


def register_metapath(dataset: str, name: str, path_or_callable: MetaPathSource) -> None:
    """Registers a meta-path by name for every model that takes meta-paths.

    Args:
        dataset: Data set of the path, such as ``"hgb/DBLP"``; ``"*"`` for all.
        name: Name of the path; replaces a path registered under the same name.
        path_or_callable: A text such as ``"author-paper-author"``, a :class:`MetaPath`, or a
            function of the graph that returns either of them, a :class:`Relation` (rows are the
            end type) or ``(start type, end type, Relation)``.

    Raises:
        ConfigError: If an argument has the wrong type.

    Example:
        >>> register_metapath("my/library", "coauthors", "author-paper-author")
        >>> "coauthors" in metapath_names("my/library")
        True
    """
    _add(_registered, dataset, name, path_or_callable, "register_metapath")


def register_metapath_file(file: str | os.PathLike[str]) -> None:
    """Registers the meta-paths of a YAML file; see :func:`read_metapath_file`."""
    for dataset, paths in read_metapath_file(file).items():
        for name, path in paths.items():
            register_metapath(dataset, name, path)


def read_metapath_file(file: str | os.PathLike[str]) -> Table:
    """Reads meta-paths from a YAML file.

    The file maps data sets to named texts; names without a data set apply to all of them::

        hgb/DBLP:
          apvpa: author-paper-venue-paper-author

    Returns:
        Texts by data set and name.

    Raises:
        FileFormatError: If the file is missing or malformed.
    """
    file = Path(file)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{file} cannot be read as YAML: {reason}") from error
    if not isinstance(content, dict) or not content:
        raise FileFormatError(f"{file} must map names to meta-paths, such as 'apa: a-p-a'.")
    if all(isinstance(value, str) for value in content.values()):
        content = {ANY_DATASET: content}
    table: Table = {}
    for dataset, paths in content.items():
        if not isinstance(paths, dict) or not all(isinstance(path, str) for path in paths.values()):
            raise FileFormatError(f"{file}: {dataset!r} must map names to texts of meta-paths.")
        for name, path in paths.items():
            _add(table, dataset, name, path, str(file))
    return table


def metapath_names(dataset: str) -> tuple[str, ...]:
    """Returns the names known for a data set, including those for all data sets."""
    return tuple(sorted(known_metapaths(dataset)))


def resolve_metapaths(
    graph: HeteroGraph,
    dataset_name: str,
    requested: Sequence[str],
    *,
    declared: Mapping[str, str] | None = None,
) -> dict[str, MetaPath]:
    """Resolves requested meta-paths to paths of a graph.

    A request is a known name, a text such as ``"author-paper-author"``, ``"name=text"``, or a YAML
    file (``*.yaml``, ``*.yml``), which stands for all of its paths for the data set. Names are
    looked up among those registered for the data set, those the data set declares, those
    registered for all data sets, and the entry points ``hetgraph.metapaths`` of installed packages,
    in this order.

    Args:
        graph: The graph that the paths must match.
        dataset_name: Name of the data set, such as ``"hgb/DBLP"``.
        requested: The requests; if empty, all of ``declared``.
        declared: Meta-paths that the data set declares, by name.

    Returns:
        Paths by name, in the order of the requests; an unnamed text is its own name. A path made
        from a relation contains it, so ``compose(graph, path)`` works for all of them.

    Raises:
        MetaPathError: If a request is neither a known name nor a path of this graph.

    Example:
        >>> import torch
        >>> from hetgraph.data import HeteroGraph
        >>> writes = Relation.from_edges(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, 2)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 2},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> resolve_metapaths(graph, "my/library", ["APA=author-paper-author"])
        {'APA': MetaPath('author-paper-author')}
    """
    own = dict(declared or {})
    paths: dict[str, MetaPath] = {}
    for request in requested or own:
        paths.update(_resolve(graph, dataset_name, request, own))
    return paths


def _resolve(
    graph: HeteroGraph, dataset: str, request: str, declared: Mapping[str, str]
) -> dict[str, MetaPath]:
    if request.endswith((".yaml", ".yml")):
        table = read_metapath_file(request)
        listed = {**table.get(ANY_DATASET, {}), **table.get(dataset, {})}
        if not listed:
            raise MetaPathError(
                f"{request} has no meta-paths for {dataset!r}.{suggest(dataset, table)}"
            )
        return {name: _make(graph, name, source) for name, source in listed.items()}
    known = known_metapaths(dataset, declared)
    if request in known:
        return {request: _make(graph, request, known[request])}
    name, text = (side.strip() for side in request.partition("=")[::2])
    if name and text and not _is_path(graph, request):
        return {name: _make(graph, name, text)}
    if not SYMBOLS & set(request):
        names = sorted(known)
        raise MetaPathError(
            f"unknown meta-path {request!r} for {dataset!r}; write it as text, such as "
            f"'author-paper-author', or register it.{suggest(request, names) if names else ''}"
        )
    path = bind_path(graph, request)
    return {str(path): path}


def _is_path(graph: HeteroGraph, text: str) -> bool:
    try:
        bind_path(graph, text)
    except MetaPathError:
        return False
    return True


def known_metapaths(
    dataset: str, declared: Mapping[str, str] | None = None
) -> dict[str, MetaPathSource]:
    """Returns what every known name of a data set stands for.

    Args:
        dataset: Name of the data set.
        declared: Meta-paths that the data set declares, by name.
    """
    plugins = _plugins()
    return {
        **plugins.get(ANY_DATASET, {}),
        **plugins.get(dataset, {}),
        **_registered.get(ANY_DATASET, {}),
        **(declared or {}),
        **_registered.get(dataset, {}),
    }


def _make(graph: HeteroGraph, name: str, source: MetaPathSource) -> MetaPath:
    made: Any = source
    if callable(source):
        made = source(graph)
        start_end = (None, None)
        if isinstance(made, tuple) and len(made) == 3 and isinstance(made[2], Relation):
            start_end, made = made[:2], made[2]
        if isinstance(made, Relation):
            start, end = start_end if start_end[0] is not None else _ends(graph, name, made)
            made = MetaPath.from_relation(graph.schema, name, start, end, made)
        if not isinstance(made, (str, MetaPath)):
            raise MetaPathError(
                f"the function of meta-path {name!r} returned a {type(made).__name__}, expected a "
                "text, a MetaPath, a Relation or (start type, end type, Relation)."
            )
    return bind_path(graph, made)


def _ends(graph: HeteroGraph, name: str, relation: Relation) -> tuple[str, str]:
    """Infers the node types of a bare relation from its shape."""
    ends = []
    for role, size in (("start", relation.num_src), ("end", relation.num_dst)):
        fitting = [name for name, count in graph.num_nodes.items() if count == size]
        if len(fitting) != 1:
            raise MetaPathError(
                f"the relation of meta-path {name!r} is {relation.num_dst} x {relation.num_src}, "
                f"which leaves its {role} type open; return (start type, end type, relation)."
            )
        ends += fitting
    return ends[0], ends[1]


def _plugins() -> Table:
    """Returns the meta-paths of installed packages; a package that fails only gives a warning."""
    table: Table = {}
    for point in entry_points(group=GROUP):
        where = f"entry point {point.name!r} of {GROUP}"
        try:
            for dataset, name, source in _entries(point):
                _add(table, dataset, name, source, where)
        except Exception as error:  # a broken plug-in must not break the library
            warnings.warn(f"{where} is skipped: {error}", stacklevel=2)
    return table


def _entries(point: EntryPoint) -> Iterator[tuple[str, str, MetaPathSource]]:
    """Yields the meta-paths of an entry point.

    It refers to a text, a path or a function (registered under the name of the entry point, for all
    data sets), a ``{data set: {name: path}}`` mapping, or the `pathlib.Path` of a YAML file.
    """
    value = point.load()
    if isinstance(value, Path):
        value = read_metapath_file(value)
    if not isinstance(value, Mapping):
        yield ANY_DATASET, point.name, value
        return
    for dataset, paths in value.items():
        if not isinstance(paths, Mapping):
            raise ConfigError(
                f"entry point {point.name!r} of {GROUP}: expected {{data set: {{name: path}}}}, "
                f"found a {type(paths).__name__} for {dataset!r}."
            )
        for name, source in paths.items():
            yield dataset, name, source


def _add(table: Table, dataset: str, name: str, source: Any, where: str) -> None:
    for what, value in (("data set", dataset), ("name", name)):
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where}: {what} is {value!r}, expected a text.")
    if not isinstance(source, (str, MetaPath)) and not callable(source):
        raise ConfigError(
            f"{where}: meta-path {name!r} is a {type(source).__name__}, expected a text such as "
            "'author-paper-author', a MetaPath or a function of the graph."
        )
    table.setdefault(dataset, {})[name] = source
