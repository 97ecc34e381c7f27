"""Generated graphs, for first runs without a download and tests of scale without data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.datasets._synthetic_academic import AcademicConfig, generate_academic
from hetgraph.datasets._synthetic_mag import MagConfig, generate_mag
from hetgraph.errors import ConfigError, suggest

_SIZES = {"small": AcademicConfig, "mag": MagConfig}


class Synthetic(Collection):
    """``academic`` with planted classes, and ``academic-mag`` of the size of OGBN-MAG.

    Options:
        size: ``"small"`` or ``"mag"``; ``academic`` with ``"mag"`` is ``academic-mag``.
        scale: Factor of the numbers of nodes and edges.
        num_nodes: Number of nodes; the number of edges is scaled alike unless given.
        num_edges: Number of edges in one direction.
        seed: Random seed.
    """

    name = "synthetic"
    version: ClassVar[int] = 1
    cached: ClassVar[bool] = False
    options: ClassVar[Mapping[str, Any]] = {
        "size": "small",
        "scale": 1.0,
        "num_nodes": None,
        "num_edges": None,
        "seed": 0,
    }

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Generates the data set ``name``.

        Raises:
            ConfigError: If an option has an invalid value.
        """
        size = options.get("size", "mag" if name == "academic-mag" else "small")
        if size not in _SIZES:
            raise ConfigError(f"size {size!r} is unknown.{suggest(str(size), _SIZES)}")
        config = _SIZES[size](**_sizes(_SIZES[size](), options), seed=_seed(options))
        full_name = files.manifest.full_name
        if isinstance(config, MagConfig):
            return generate_mag(config, full_name)
        return generate_academic(config, full_name)


def _sizes(default: AcademicConfig | MagConfig, options: Mapping[str, Any]) -> dict[str, int]:
    scale = options.get("scale", 1.0)
    if not isinstance(scale, (int, float)) or isinstance(scale, bool) or not 0 < scale < 1e6:
        raise ConfigError(f"scale is {scale!r}, expected a positive number.")
    for key in ("num_nodes", "num_edges"):
        value = options.get(key)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ConfigError(f"{key} is {value!r}, expected a positive whole number.")
    nodes = options.get("num_nodes") or round(default.num_nodes * scale)
    factor = nodes / default.num_nodes
    return {
        "num_nodes": nodes,
        "num_edges": options.get("num_edges") or round(default.num_edges * factor),
    }


def _seed(options: Mapping[str, Any]) -> int:
    seed = options.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"seed is {seed!r}, expected a whole number of 0 or more.")
    return seed
