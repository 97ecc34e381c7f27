"""A ``HeteroData`` that was saved with ``torch.save``: ``pyg:./file.pt``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.io.pyg import from_pyg_dataset
from hetgraph.optional import require

__all__ = ["PyGFormat", "read_pyg_file"]

_GLOBAL = re.compile(r"GLOBAL (\S+)")


class PyGFormat(Collection):
    """Files of PyTorch Geometric: ``torch.save(data, "file.pt")`` or a processed data set."""

    name = "pyg"
    version: ClassVar[int] = 1

    def names(self) -> tuple[str, ...]:
        """Returns no names, as a format has no data sets."""
        return ()

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Fails, as a format is loaded from a file.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"write pyg:FILE, not pyg/{name}.")

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Reads a saved ``HeteroData`` with its labels and masks.

        Raises:
            FileFormatError: If the file is damaged, or holds types that could run code.
        """
        return from_pyg_dataset(read_pyg_file(path), name=path.stem)

    def folder_files(self, path: Path) -> Sequence[Path]:
        """Returns the file itself."""
        return [_data_file(path)]


def read_pyg_file(path: Path) -> Any:
    """Reads a ``HeteroData``; nothing in the file can run code.

    Only tensors, plain Python values and PyG's storage classes are accepted.

    Args:
        path: The file, or a folder with ``data.pt`` or ``processed/data.pt``.

    Raises:
        ConfigError: If torch_geometric is not installed.
        FileFormatError: If the file is damaged, or holds another type.
    """
    path = _data_file(path)
    package = require("torch_geometric.data", "hetgraph[pyg]")
    storage = require("torch_geometric.data.storage", "hetgraph[pyg]")
    safe = [
        package.HeteroData,
        storage.BaseStorage,
        storage.NodeStorage,
        storage.EdgeStorage,
        storage.GlobalStorage,
    ]
    try:
        with torch.serialization.safe_globals(safe):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise FileFormatError(_refusal(path, error)) from error
    if isinstance(content, (tuple, list)) and content:  # InMemoryDataset: (data, slices, class)
        content = content[0]
    if isinstance(content, dict):
        content = package.HeteroData.from_dict(content)
    if not isinstance(content, package.HeteroData):
        raise FileFormatError(
            f"{path} holds a {type(content).__name__}; expected a HeteroData; convert a "
            "homogeneous Data with data.to_heterogeneous()."
        )
    return content


def _data_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    for inner in (path / "data.pt", path / "processed" / "data.pt"):
        if inner.is_file():
            return inner
    raise FileFormatError(f"{path} has no data.pt; give the file that torch.save wrote.")


def _refusal(path: Path, error: Exception) -> str:
    forbidden = _GLOBAL.search(str(error))
    if forbidden is None:
        return (
            f"{path} is truncated or was not written by torch.save "
            f"({type(error).__name__}); save the HeteroData again."
        )
    return (
        f"{path} holds a {forbidden[1]}, which could run code and is not read. If you trust it: "
        "data = torch.load(path, weights_only=False); "
        "hetgraph.io.save_tables(hetgraph.io.from_pyg_dataset(data), 'folder'); "
        "then use tables:folder."
    )
