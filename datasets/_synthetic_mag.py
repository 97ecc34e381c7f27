"""A graph with the schema and size of OGBN-MAG, for tests of scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.datasets._synthetic_edges import Groups, Ints, distinct_pairs, skewed
from hetgraph.errors import ConfigError

__all__ = ["MagConfig", "generate_mag"]

# Counts of OGBN-MAG (Open Graph Benchmark, Hu et al. 2020).
_NODES = {"paper": 736_389, "author": 1_134_649, "field": 59_965, "institution": 8_740}
_EDGES = {
    EdgeType("author", "affiliated_with", "institution"): 1_043_998,
    EdgeType("author", "writes", "paper"): 7_145_660,
    EdgeType("paper", "cites", "paper"): 5_416_271,
    EdgeType("paper", "has_topic", "field"): 7_505_078,
}
_CLASSES, _DIM = 349, 128
_TRAIN, _VALID = 629_571, 64_879
# Fraction of edges between nodes of the same class, and distance of a class mean from the origin in
# standard deviations of the noise in one feature.
_HOMOPHILY = {"affiliated_with": 0.0, "writes": 0.6, "cites": 0.5, "has_topic": 0.5}
_SIGNAL = 0.15


@dataclass(frozen=True)
class MagConfig:
    """Size of the graph.

    Args:
        num_nodes: Number of all nodes; the types keep their fractions.
        num_edges: Number of all edges; the relations keep their fractions.
        seed: Random seed.
    """

    num_nodes: int = sum(_NODES.values())
    num_edges: int = sum(_EDGES.values())
    seed: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Nodes by type; exactly those of OGBN-MAG at the default size."""
        factor = self.num_nodes / sum(_NODES.values())
        return {name: max(1, round(count * factor)) for name, count in _NODES.items()}

    @property
    def edges(self) -> dict[EdgeType, int]:
        """Edges by type; exactly those of OGBN-MAG at the default size."""
        factor = self.num_edges / sum(_EDGES.values())
        return {key: round(count * factor) for key, count in _EDGES.items()}


def generate_mag(config: MagConfig, name: str) -> Dataset:
    """Generates the data set, in tens of seconds at the size of OGBN-MAG.

    Only papers have features (``[num_papers, 128]``) and classes, which features and most edges
    depend on. As in the original, relations are stored in one direction.

    Raises:
        ConfigError: If a size is too small.
    """
    counts = config.counts
    if counts["paper"] < 10:
        raise ConfigError(f"num_nodes is {config.num_nodes}, expected 1000 or more.")
    rng = np.random.default_rng(config.seed)
    classes = min(_CLASSES, counts["paper"])
    group = {
        kind: skewed(rng, classes, size, power=1.5)
        for kind, size in counts.items()
        if kind != "institution"
    }
    group["paper"][:classes] = np.arange(classes)  # Every class occurs.
    papers = counts["paper"]
    features = rng.standard_normal((papers, _DIM), dtype=np.float32)
    centre = rng.standard_normal((classes, _DIM), dtype=np.float32) * np.float32(_SIGNAL)
    for start in range(0, papers, 1 << 16):
        features[start : start + (1 << 16)] += centre[group["paper"][start : start + (1 << 16)]]
    relations = {}
    for key, count in config.edges.items():
        src, dst = distinct_pairs(
            rng, _draw(rng, key, counts, group, classes), count, counts[key.dst]
        )
        relations[key] = Relation.from_edges(src, dst, counts[key.src], counts[key.dst])
    return Dataset(
        name,
        HeteroGraph(
            num_nodes=counts,
            relations=relations,
            features={"paper": torch.from_numpy(features)},
            name=name,
        ),
        targets=Labels(
            node_type="paper",
            num_classes=classes,
            index=torch.arange(papers),
            target=torch.from_numpy(group["paper"]),
        ),
        splits={"default": _draw_split(rng, papers)},
        info={"seed": config.seed},
    )


def _draw(
    rng: np.random.Generator,
    key: EdgeType,
    counts: dict[str, int],
    group: dict[str, Ints],
    classes: int,
) -> Callable[[int], tuple[Ints, Ints]]:
    """Returns a sampler of ``(src, dst)``: a fraction of same-class pairs, the rest random."""
    fraction = _HOMOPHILY[key.name]
    members = Groups.of(group[key.dst], classes) if fraction else None

    def draw(count: int) -> tuple[Ints, Ints]:
        src = rng.integers(counts[key.src], size=count)
        dst = skewed(rng, counts[key.dst], count, power=1.5)
        if members is not None:
            alike = rng.random(count) < fraction
            dst[alike] = members.member(rng, group[key.src][src[alike]], power=1.5)
        return src, dst

    return draw


def _draw_split(rng: np.random.Generator, papers: int) -> Split:
    order = torch.from_numpy(rng.permutation(papers))
    train = papers * _TRAIN // _NODES["paper"]
    valid = train + papers * _VALID // _NODES["paper"]
    return Split(train=order[:train], valid=order[train:valid], test=order[valid:])
