"""Fixed random unit vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data.graph import HeteroGraph
from hetgraph.data.standin import StandIn
from hetgraph.features.standins._keys import check_identity, identity, node_keys
from hetgraph.features.standins.base import StandInKind
from hetgraph.seeds import keyed_seed, mixed_bits

__all__ = ["RandomRows"]

_BLOCK = 2**22  # entries drawn at a time


class RandomRows(StandInKind):
    """A random direction per node, from the seed and the node's id alone.

    So a node keeps its vector whatever other nodes there are.
    """

    name: ClassVar[str] = "random"

    def fit(self, graph: HeteroGraph, node_type: str, dim: int, seed: int) -> StandIn:
        """Returns the dimension and the seed: nothing is fitted."""
        return StandIn(self.name, dim, seed, {"by": identity(graph, node_type)})

    def vectors(self, graph: HeteroGraph, node_type: str, standin: StandIn) -> Tensor:
        """Returns ``[num_nodes, dim]`` unit rows."""
        check_identity(graph, node_type, standin.state["by"])
        keys = node_keys(graph, node_type).numpy().view(np.uint64)
        seed = keyed_seed("stand-in", "random", standin.seed, node_type)
        step = max(_BLOCK // standin.dim, 1)
        blocks = [
            _normal(keys[start : start + step], standin.dim, seed)
            for start in range(0, keys.size, step)
        ]
        rows = torch.from_numpy(np.concatenate(blocks) if blocks else np.zeros((0, standin.dim)))
        return F.normalize(rows, dim=1).float()


def _normal(keys: np.ndarray[Any, Any], dim: int, seed: int) -> np.ndarray[Any, Any]:
    """Returns ``[num_keys, dim]`` standard normal entries, by Box and Muller."""
    half = (dim + 1) // 2
    stream = mixed_bits(keys ^ np.uint64(seed))[:, None]
    column = np.arange(1, 2 * half + 1, dtype=np.uint64)
    bits = mixed_bits(stream + column * np.uint64(0x9E3779B97F4A7C15))
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # inside (0, 1)
    radius = np.sqrt(-2.0 * np.log(uniform[:, :half]))
    angle = 2.0 * np.pi * uniform[:, half:]
    both: np.ndarray[Any, Any] = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return both[:, :dim]
