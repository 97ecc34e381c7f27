"""The user's own files: reports on them, declarations to start from, generated ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hetgraph.catalog.inspection import Inspection, describe
from hetgraph.catalog.loading import all_collections, format_of, load_dataset
from hetgraph.errors import ConfigError, suggest
from hetgraph.files import atomic_dir, atomic_path, user_path

__all__ = ["inspect_source", "make_files", "propose_source"]


def inspect_source(
    name: str, root: str | os.PathLike[str] | None = None, *, target: str = ""
) -> Inspection:
    """Reports what is wrong with a data set and what would be read, without the cache.

    Args:
        name: As for :func:`load_dataset`.
        root: Root folder of data sets.
        target: Name of the target that is asked for, of tables that declare several.

    Raises:
        ConfigError: If the name is unknown.
        DataError: If there is no such folder or file.

    Example:
        >>> inspect_source("synthetic/academic").problems
        ()
    """
    prefix, colon, path = name.partition(":")
    if colon and "/" not in prefix:
        collection, folder = format_of(prefix, path)
        return collection.inspect_folder(folder, name, target=target)
    return Inspection(name, (), describe(load_dataset(name, root, cache=False)))


def propose_source(name: str, file: Path) -> None:
    r"""Writes a declaration of the user's own tables to start from.

    Args:
        name: ``"format:path"``.
        file: The YAML file, which must not exist.

    Raises:
        ConfigError: If ``name`` is no format and path, or the file exists.
        FileFormatError: If there is nothing to declare.

    Example:
        >>> Path("shop/nodes").mkdir(parents=True)
        >>> _ = Path("shop/nodes/user.csv").write_text("id,age\n1,20\n2,70\n")
        >>> propose_source("tables:shop", Path("shop/tables.yaml"))
        >>> load_dataset("tables:shop").graph.schema.node_types["user"].dim
        1
    """
    prefix, colon, path = name.partition(":")
    if not colon or "/" in prefix:
        raise ConfigError(f"{name!r} has no tables to declare; write tables:FOLDER.")
    if file.exists():
        raise ConfigError(f"{file} exists and is not replaced; name a new file.")
    collection, folder = format_of(prefix, path)
    text = collection.propose_folder(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_files(name: str, folder: str | os.PathLike[str], **options: Any) -> Path:
    """Writes the files of a generated collection into a new folder.

    Args:
        name: The collection, such as ``"shop"``.
        folder: Where to write. It must be empty or not exist; nothing is overwritten.
        **options: Options of the collection, such as ``seed``.

    Returns:
        The folder.

    Raises:
        ConfigError: If there is no such collection, it is not generated, or an option is unknown
            or invalid.
        OutputError: If the folder is not empty or cannot be written.

    Example:
        >>> folder = make_files("shop", "small_shop", users=100, items=50)
        >>> load_dataset(f"tables:{folder}").labels.node_type
        'user'
    """
    makers = {collection.name: collection for collection in all_collections()}
    makers = {key: collection for key, collection in makers.items() if collection.make_options}
    if name not in makers:
        raise ConfigError(f"no files are generated for {name!r}.{suggest(name, makers)}")
    for key in options:
        if key not in makers[name].make_options:
            raise ConfigError(
                f"{name} has no option {key!r}.{suggest(key, [*makers[name].make_options])}"
            )
    target = user_path(os.fspath(folder))
    with atomic_dir(target) as temporary:
        makers[name].make(temporary, **options)
    return target
