"""Loading data sets by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hetgraph.catalog.closest import closest_name
from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.catalog.fetch import fetch_files
from hetgraph.catalog.manifest import Manifest
from hetgraph.catalog.parsed_cache import load_cached, parsed_folder, store_cached
from hetgraph.catalog.statistics import check_statistics
from hetgraph.errors import ConfigError, DataError, suggest
from hetgraph.files import remembered_sha256, user_path
from hetgraph.optional import demand

__all__ = [
    "all_collections",
    "dataset_info",
    "dataset_names",
    "dataset_task",
    "fetch_dataset",
    "format_of",
    "load_dataset",
    "load_graph",
]

COMPUTED = ("structure", "text", "standins")
"""Options of every data set, for features that are computed after it is read."""


def load_dataset(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    cache: bool = True,
    **options: Any,
) -> Dataset:
    """Loads a data set by name, or the user's own files by format and path.

    ``"collection/name"`` is read from ``root/collection/name``; missing files are downloaded
    there. ``"format:path"`` reads the user's own folder or file in a known format. The parsed
    data set is cached (in ``HETGRAPH_CACHE``) under a digest of its files, so the second load is
    fast; published statistics are checked when the files are parsed.

    Args:
        name: ``"hgb/DBLP"``, ``"hgb:./folder"``, ``"synthetic/academic"``, ...
        root: Root folder of data sets; default: ``HETGRAPH_DATA``, else the platform's cache
            folder.
        cache: Whether to read and write the cache of parsed data sets.
        **options: Options of the collection, such as ``seed`` of synthetic data sets. Every data
            set takes ``text`` (name of a text encoder) and ``structure`` (``"walks"`` or
            ``"hyperedges"``) for computed features, and ``standins`` for types without any, see
            :func:`hetgraph.catalog.attach.add_features`.

    Returns:
        The data set; ``info["files"]`` holds the SHA-256 digest of every file that was read.

    Raises:
        ConfigError: If the name or an option is unknown.
        DataError: If a file is missing or corrupt, or statistics differ from the published ones.

    Example:
        >>> load_dataset("synthetic/academic", num_nodes=500).labels.node_type
        'author'
    """
    computed = {key: options.pop(key) for key in COMPUTED if key in options}
    return _with_computed(_load(name, root, cache, options), computed)


def _with_computed(dataset: Dataset, computed: Mapping[str, Any]) -> Dataset:
    if any(value is not None for value in computed.values()):
        from hetgraph.catalog.attach import add_features  # Its imports take a second.

        dataset = add_features(dataset, **computed)
    return dataset


def load_graph(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    encoders: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    cache: bool = True,
    **options: Any,
) -> Dataset:
    r"""Loads a graph to ask a trained model about, by the name of a data set or from own files.

    Of the user's own tables and databases, targets and splits are not read: their columns may be
    missing, and no links are held out. Columns become features by the encoders that were fitted
    for training. A database of a target with times is read as of its latest rows. Other formats
    and data sets are read as :func:`load_dataset` reads them.

    Args:
        name: As for :func:`load_dataset`.
        root: As for :func:`load_dataset`.
        encoders: ``encoders`` of the graph that was trained on; other types are encoded anew.
        cache: As for :func:`load_dataset`.
        **options: As for :func:`load_dataset`, but for ``standins``: those that were fitted for
            training are applied by :func:`hetgraph.features.encode_standins`. ``target`` names what
            was trained on, and need not be there.

    Returns:
        The data set; ``info["notes"]`` tells of cells with categories that no encoder has seen.

    Raises:
        ConfigError: If the name or an option is unknown.
        DataError: If a table lacks columns that an encoder reads, naming all of them, or a value
            is invalid.

    Example:
        >>> Path("shop1/nodes").mkdir(parents=True), Path("shop2/nodes").mkdir(parents=True)
        (None, None)
        >>> _ = Path("shop1/nodes/user.csv").write_text("id,features\nann,20\nbob,70\n")
        >>> _ = Path("shop2/nodes/user.csv").write_text("id,features\nann,20\nbob,70\neve,95\n")
        >>> trained = load_dataset("tables:shop1").graph
        >>> load_graph("tables:shop2", encoders=trained.encoders).graph.features["user"]
        tensor([[-1.],
                [ 1.],
                [ 2.]])
    """
    if options.pop("standins", None) is not None:
        raise ConfigError(
            f"{name}: standins are not chosen for a graph to be asked about; the vectors of types "
            "without features come from the trained model. Leave the option out."
        )
    prefix, colon, path = name.partition(":")
    known = {collection.name: collection.options for collection in all_collections()}
    if "target" not in known.get(name.replace(":", "/", 1).partition("/")[0], {}):
        options.pop("target", None)  # It may say what is read of the graph, where there is one.
    if not colon or "/" in prefix:
        return load_dataset(name, root, cache=cache, **options)
    computed = {key: options.pop(key) for key in COMPUTED if key in options}
    dataset = _load_folder(prefix, Path(path), cache, options, encoders=encoders)
    return _with_computed(dataset, computed)


def _load(
    name: str, root: str | os.PathLike[str] | None, cache: bool, options: Mapping[str, Any]
) -> Dataset:
    prefix, colon, path = name.partition(":")
    if colon and "/" not in prefix:
        return _load_folder(prefix, Path(path), cache, options)
    collection, manifest = _resolve(name)
    settings = _check_options(collection, manifest.full_name, options)
    digests = {entry.name: entry.sha256 for entry in manifest.files}
    stored = parsed_folder(collection, manifest.full_name, digests, settings) if cache else None
    if stored is None or not stored.exists():
        demand(collection.packages(manifest.name))
    folder = fetch_files(manifest, root)
    dataset = load_cached(stored) if stored else None
    if dataset is None:
        dataset = collection.load(manifest.name, Files(folder, manifest), **settings)
        dataset = _describe(dataset, manifest, digests)
        check_statistics(dataset, collection.statistics(manifest, **settings))
        if stored:
            store_cached(dataset, stored)
    return dataset


def dataset_names() -> tuple[str, ...]:
    """Returns the full names of all data sets that can be loaded by name.

    Example:
        >>> "synthetic/academic" in dataset_names()
        True
    """
    return tuple(
        f"{collection.name}/{name}"
        for collection in all_collections()
        for name in collection.names()
    )


def dataset_info(name: str) -> Manifest:
    """Returns the manifest of a data set, without reading its files.

    Raises:
        ConfigError: If the name is unknown, with a suggestion.

    Example:
        >>> dataset_info("hgb/DBLP").statistics["nodes"]["author"]
        4057
    """
    return _resolve(name)[1]


def dataset_task(name: str, *, target: str = "") -> str:
    """Returns the task family of a data set, without loading it.

    Args:
        name: As for :func:`load_dataset`; an unknown collection gives an empty family.
        target: Name of the target that is asked for, of tables that declare several.

    Example:
        >>> dataset_task("hgb/LastFM")
        'link-prediction'
    """
    prefix, _, rest = name.replace(":", "/", 1).partition("/")
    families = (
        collection.task_of(rest, target=target)
        for collection in all_collections()
        if collection.name == prefix
    )
    return next(families, "")


def fetch_dataset(name: str, root: str | os.PathLike[str] | None = None) -> Path:
    """Downloads the missing files of a data set, verifies the others, and returns its folder.

    Raises:
        ConfigError: If the name is unknown, with a suggestion.
        DataError: If a file is corrupt, or missing and cannot be downloaded.

    Example:
        >>> fetch_dataset("synthetic/academic", "data").parts  # Generated: nothing to download.
        ('data', 'synthetic', 'academic')
    """
    return fetch_files(dataset_info(name), root)


def _load_folder(
    prefix: str,
    path: Path,
    use_cache: bool,
    options: Mapping[str, Any],
    *,
    encoders: Mapping[str, Mapping[str, Any]] | None = None,
) -> Dataset:
    collection, path = format_of(prefix, str(path))
    if type(collection).load_graph_folder is Collection.load_graph_folder:
        encoders = None  # It has no columns to encode.
    full_name = f"{prefix}:{path}"
    settings = _check_options(collection, full_name, options)
    files = collection.folder_files(path)
    digests = {str(file.resolve()): remembered_sha256(file) for file in files}
    key = settings if encoders is None else {**settings, "encoders": dict(encoders)}
    stored = None
    if use_cache and digests:
        stored = parsed_folder(collection, f"{prefix}:{path.resolve().name}", digests, key)
    dataset = load_cached(stored) if stored else None
    if dataset is None:
        if encoders is None:
            dataset = collection.load_folder(path, **settings)
        else:
            dataset = collection.load_graph_folder(path, encoders=encoders, **settings)
        dataset = replace(dataset, info={**dataset.info, "files": digests})
        if stored:
            store_cached(dataset, stored)
    return replace(dataset, name=full_name)


def format_of(prefix: str, path: str) -> tuple[Collection, Path]:
    """Returns the format with a name, and the user's folder or file.

    Args:
        prefix: Name of the format.
        path: The folder or file; ``~`` is the home folder.

    Raises:
        ConfigError: If there is no such format.
        DataError: If there is no such folder or file.

    Example:
        >>> format_of("tables", ".")[0].name
        'tables'
    """
    formats = {collection.name: collection for collection in all_collections()}
    if prefix not in formats:
        raise ConfigError(f"unknown format {prefix!r}.{suggest(prefix, formats)}")
    collection, place = formats[prefix], user_path(path)
    if type(collection).load_folder is not Collection.load_folder and not place.exists():
        raise DataError(
            f"{place} does not exist; write {prefix}:PATH where PATH is a folder or file."
        )
    return collection, place


def _resolve(name: str) -> tuple[Collection, Manifest]:
    prefix, _, rest = name.partition("/")
    known = {collection.name: collection for collection in all_collections()}
    if ":" in name and name.partition(":")[0] in known:
        raise ConfigError(
            f"{name!r} is a format and a path, expected collection/name; of your own data, "
            f"hetgraph check {name} tells what is read."
        )
    if prefix in known and rest in known[prefix].names():
        return known[prefix], known[prefix].manifest(rest)
    names = dataset_names()
    same = [full for full in names if full.partition("/")[2].lower() == name.lower()]
    if len(same) > 1:
        raise ConfigError(f"unknown data set {name!r}. Did you mean one of {', '.join(same)}?")
    # Within a known collection only its own data sets are suggested.
    near = [full for full in names if full.startswith(f"{prefix}/")] or names
    close = same[0] if same else closest_name(name, near)
    hint = f" Did you mean {close!r}?" if close else f" Known: {', '.join(near)}."
    if name and user_path(name).exists():
        form = "tables" if user_path(name).is_dir() else "sqlite"
        hint = f" Of your own data, name the format, too: {form}:{name}, for example."
    raise ConfigError(f"unknown data set {name!r}.{hint}")


def all_collections() -> list[Collection]:
    """Returns the collections that are registered, sorted by name.

    Example:
        >>> "tables" in [collection.name for collection in all_collections()]
        True
    """
    from hetgraph.registry import collections

    return [collections.get(name)() for name in sorted(collections.names())]


def _check_options(
    collection: Collection, full_name: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    for key in options:
        if key not in collection.options:
            known = (*collection.options, *COMPUTED)
            if key == "target":  # `--task NAME`, where NAME is no family of tasks either
                raise ConfigError(
                    f"{full_name} has no target {options[key]!r} to choose, and no family of tasks "
                    "has this name; leave it out, or name a family such as link-prediction."
                )
            raise ConfigError(f"{full_name} has no option {key!r}.{suggest(key, known)}")
    return dict(options)


def _describe(dataset: Dataset, manifest: Manifest, digests: Mapping[str, str]) -> Dataset:
    """Adds name, source and default meta-paths from the manifest."""
    info = {
        "task": manifest.task,
        "licence": manifest.licence,
        "citation": manifest.citation,
        "files": dict(digests),
        **dataset.info,
    }
    metapaths = {**manifest.metapaths, **dataset.metapaths}
    return replace(dataset, name=manifest.full_name, metapaths=metapaths, info=info)
