"""Generated graphs whose labels have one known cause: a relation, or a meta-path.

Items have a class, and links from four other types. Of one of these types, drawn by the seed, an
item is linked to nodes of its own class; of the other three, to nodes at random. All four are
alike otherwise: as many nodes, links and features of the same distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError

__all__ = ["CANDIDATES", "Cause", "Planted", "planted"]

Cause = Literal["relation", "quiet relation", "meta-path"]
Floats = npt.NDArray[np.float64]

CANDIDATES = ("red", "green", "blue", "black")
"""Types of which one carries the labels."""
TARGET = "item"
_CLASSES, _DIM, _LINKS = 3, 8, 3
_RELIABILITY = 0.95
"""Probability that a link of the cause leads to a node of the item's class."""
_SIGNAL = {"relation": (0.0, 1.0), "quiet relation": (0.0, 1.0), "meta-path": (0.6, 0.0)}
"""Distance between classes in the features of items and of the others, in std of the noise."""
_LOUD = 5.0
"""Factor of the features of types beside a quiet relation."""


@dataclass(frozen=True)
class Planted:
    """A generated data set and its cause.

    Args:
        dataset: The data set.
        cause: The type, one of :data:`CANDIDATES`, over which the labels can be seen.
    """

    dataset: Dataset
    cause: str


def planted(cause: Cause, seed: int = 0, *, num_items: int = 400, num_others: int = 80) -> Planted:
    """Generates a graph with one cause of the labels.

    With the cause ``"relation"``, the features of the linked nodes show their class: the relation
    from one type tells the label, and items have features of noise. With ``"quiet relation"``, the
    features of the other three types are five times as large besides. With ``"meta-path"``, these
    nodes have features that are all alike, and an item shows its own class weakly: the mean over
    the items that share nodes of one type tells the label, so the path there and back does.

    Args:
        cause: What carries the labels.
        seed: Random seed, also of which type it is.
        num_items: Number of items.
        num_others: Number of nodes of each other type.

    Raises:
        ConfigError: If the kind of the cause is unknown.

    Example:
        >>> made = planted("relation", seed=1)
        >>> made.cause, made.dataset.graph.num_nodes["item"]
        ('green', 400)
    """
    if cause not in _SIGNAL:
        known = ", ".join(map(repr, _SIGNAL))
        raise ConfigError(f"cause is {cause!r}, expected one of {known}.")
    rng = np.random.default_rng(seed)
    chosen = str(rng.choice(CANDIDATES))
    labels = rng.integers(_CLASSES, size=num_items)
    own, others = _SIGNAL[cause]
    features = {TARGET: _features(rng, labels, own)}
    relations: dict[EdgeType, Relation] = {}
    reverses = []
    for name in CANDIDATES:
        kinds = np.arange(num_others) % _CLASSES
        features[name] = _features(rng, kinds, others) if others else np.ones((num_others, _DIM))
        if cause == "quiet relation" and name != chosen:
            features[name] *= _LOUD
        wanted = labels if name == chosen else rng.integers(_CLASSES, size=num_items)
        src, dst = _links(rng, wanted, num_others)
        relation = Relation.from_edges(src, dst, num_others, num_items)
        key, reverse = EdgeType(name, "marks", TARGET), EdgeType(TARGET, "marked_by", name)
        relations |= {key: relation, reverse: relation.transpose}
        reverses.append((key, reverse))
    graph = HeteroGraph(
        num_nodes={name: len(values) for name, values in features.items()},
        relations=relations,
        features={name: torch.from_numpy(x).float() for name, x in features.items()},
        reverses=reverses,
        name=f"planted/{cause}",
    )
    order = torch.from_numpy(rng.permutation(num_items))
    half, rest = num_items // 2, num_items // 4
    split = Split(order[:half], order[half : half + rest], order[half + rest :])
    target = Labels(TARGET, _CLASSES, torch.arange(num_items), torch.from_numpy(labels))
    return Planted(Dataset(graph.name, graph, target, splits={"default": split}), chosen)


def _features(rng: np.random.Generator, classes: npt.NDArray[np.int64], signal: float) -> Floats:
    """Returns ``[num_nodes, dim]`` noise; one column per class is shifted where it applies."""
    noise = rng.standard_normal((len(classes), _DIM))
    noise[np.arange(len(classes)), classes] += signal
    return noise


def _links(
    rng: np.random.Generator, wanted: npt.NDArray[np.int64], num_others: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns distinct links from other nodes to items, most of them from the wanted class."""
    dst = np.repeat(np.arange(len(wanted)), _LINKS)
    other = rng.integers(1, _CLASSES, size=dst.size)
    shift = np.where(rng.random(dst.size) < _RELIABILITY, 0, other)
    kind = (wanted[dst] + shift) % _CLASSES
    members = [np.flatnonzero(np.arange(num_others) % _CLASSES == at) for at in range(_CLASSES)]
    src = np.array([rng.choice(members[at]) for at in kind])
    pairs = np.unique(np.stack([src, dst]), axis=1)
    return torch.from_numpy(pairs[0]), torch.from_numpy(pairs[1])
