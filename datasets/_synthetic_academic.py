"""A small academic graph in which the value of every source of information is known.

The class of an author is a triple of independent, uniform factors: *style* (2 values), *topic* (2)
and *school* (3), giving 12 classes. Each factor is visible in one place only, replaced by another
value with a small probability (1 - reliability):

- style: in the author's own features;
- topic: in the features of the author's papers, one hop away;
- school: in the venues an author publishes at. Venues have no features, and each belongs to one
  school. An author's own features depend on the school so weakly that one author reveals almost
  nothing, but the mean over the authors at the same venues reveals it.

Terms are independent of everything: a distractor. Given the visible factors everything else is
independent noise, so the best accuracy of a source is the product of the probabilities of guessing
each factor; :func:`expected_accuracy` computes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeType
from hetgraph.datasets._synthetic_edges import Groups, Ints, distinct_pairs, skewed
from hetgraph.errors import ConfigError

__all__ = ["AcademicConfig", "expected_accuracy", "generate_academic"]

Floats = npt.NDArray[np.float32]

_LEVELS = (2, 2, 3)  # Values of style, topic, school.
_PATH = "author-paper-venue-paper-author"


@dataclass(frozen=True)
class AcademicConfig:
    """Size and strength of the planted signal.

    Args:
        num_nodes: Authors, papers, venues and terms together.
        num_edges: Edges in one direction, without the reverse relations.
        seed: Random seed.
        reliability: Probabilities that style, topic and school are visible unchanged.
        style_signal: Distance of a style from the middle, in standard deviations of the noise.
        topic_signal: The same for a topic in the features of one paper.
        school_signal: Distance of a school's authors from the origin, same unit.
        dim: Dim of the features of authors and papers.
    """

    num_nodes: int = 8_000
    num_edges: int = 40_800
    seed: int = 0
    reliability: tuple[float, float, float] = (0.97, 0.97, 0.97)
    style_signal: float = 2.5
    topic_signal: float = 1.2
    school_signal: float = 0.3
    dim: int = 16

    @property
    def counts(self) -> dict[str, int]:
        """Nodes by type: 30 % authors, 60 % papers, 1 % venues (at least 6), the rest terms."""
        authors, papers = round(0.3 * self.num_nodes), round(0.6 * self.num_nodes)
        venues = max(6, round(0.01 * self.num_nodes) // 3 * 3)
        terms = self.num_nodes - authors - papers - venues
        return {"author": authors, "paper": papers, "venue": venues, "term": terms}

    @property
    def edges(self) -> dict[str, int]:
        """Edges by relation: one venue and one owner per paper, co-authors, terms."""
        papers = self.counts["paper"]
        spare = self.num_edges - 2 * papers
        coauthors = round(0.23 * spare)
        return {
            "writes": papers + coauthors,
            "published_in": papers,
            "mentions": spare - coauthors,
        }


def generate_academic(config: AcademicConfig, name: str) -> Dataset:
    """Generates the data set; ``info["expected_accuracy"]`` has the best accuracy per source.

    Raises:
        ConfigError: If a size is too small.
    """
    _check(config)
    rng = np.random.default_rng(config.seed)
    counts = config.counts
    size = counts["author"]
    classes, shown = _draw_factors(rng, size, config)
    writes, topic, school = _draw_papers(rng, config, shown)
    published = _draw_venues(rng, counts, school)
    mentions = distinct_pairs(
        rng,
        lambda n: (rng.integers(counts["paper"], size=n), skewed(rng, counts["term"], n)),
        config.edges["mentions"],
        counts["term"],
    )
    ends = {
        ("author", "writes", "paper", "written_by"): writes,
        ("paper", "published_in", "venue", "publishes"): published,
        ("paper", "mentions", "term", "mentioned_in"): mentions,
    }
    forward, backward, reverses = {}, {}, []
    for (src, verb, dst, inverse), (src_ids, dst_ids) in ends.items():
        key, reverse = EdgeType(src, verb, dst), EdgeType(dst, inverse, src)
        forward[key] = Relation.from_edges(src_ids, dst_ids, counts[src], counts[dst])
        backward[reverse] = forward[key].transpose
        reverses.append((key, reverse))
    degree = np.bincount(writes[0], minlength=size)
    return Dataset(
        name,
        HeteroGraph(
            num_nodes=counts,
            relations={**forward, **backward},
            features=_draw_features(rng, config, shown, topic),
            reverses=reverses,
            name=name,
        ),
        targets=Labels(
            node_type="author",
            num_classes=math.prod(_LEVELS),
            index=torch.arange(size),
            target=torch.from_numpy(classes),
            class_names=tuple(
                f"style {a}, topic {b}, school {c}"
                for a in range(_LEVELS[0])
                for b in range(_LEVELS[1])
                for c in range(_LEVELS[2])
            ),
        ),
        splits={"default": _draw_split(rng, size)},
        info={"seed": config.seed, "expected_accuracy": expected_accuracy(config, degree)},
    )


def expected_accuracy(config: AcademicConfig, degree: Ints) -> dict[str, float]:
    """Returns the best accuracy that each source of information allows.

    Args:
        config: Strength of the signal.
        degree: ``[num_authors]`` number of papers of each author.

    Returns:
        Accuracy by source: ``"features"`` (the author's own), ``"author-paper"`` (mean features
        of the author's papers), ``"author-paper-venue-paper-author"`` (mean features of the
        authors at the same venues, assumed many), ``"features+author-paper"`` and ``"all"``.
    """
    style, topic, school = config.reliability
    own = _mix(style, _phi(np.array(config.style_signal)), 2)
    papers = float(np.mean(_mix(topic, _phi(config.topic_signal * np.sqrt(degree)), 2)))
    # One author: the maximum of three normal variables, one of them shifted.
    grid = np.linspace(-8.0, 8.0, 4001)
    density = np.exp(-0.5 * grid**2) / math.sqrt(2 * math.pi)
    chance = float((density * _phi(grid + config.school_signal) ** 2).sum() * (grid[1] - grid[0]))
    lone = _mix(school, np.array(chance), 3)
    return {
        "features": float(own) / 2 * float(lone),
        "author-paper": papers / 6,
        _PATH: school / 4,
        "features+author-paper": float(own) * papers * float(lone),
        "all": float(own) * papers * school,
    }


def _mix(reliability: float, hit: npt.NDArray[np.float64], levels: int) -> npt.NDArray[np.float64]:
    """Probability of guessing the true value if the visible one is guessed with ``hit``."""
    return reliability * hit + (1 - reliability) * (1 - hit) / (levels - 1)


def _phi(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values = torch.special.ndtr(torch.as_tensor(x, dtype=torch.float64))
    return np.asarray(values.numpy())


def _check(config: AcademicConfig) -> None:
    if config.num_nodes < 200:
        raise ConfigError(f"num_nodes is {config.num_nodes}, expected 200 or more.")
    least = 3 * config.counts["paper"]
    if config.num_edges < least:
        raise ConfigError(
            f"num_edges is {config.num_edges:,}, expected {least:,} or more for "
            f"{config.num_nodes:,} nodes."
        )


def _draw_factors(
    rng: np.random.Generator, size: int, config: AcademicConfig
) -> tuple[Ints, list[Ints]]:
    """Returns ``[size]`` classes, and the visible values of the three factors."""
    classes = np.zeros(size, dtype=np.int64)
    shown = []
    for levels, reliability in zip(_LEVELS, config.reliability, strict=True):
        true = rng.integers(levels, size=size)
        other = (true + rng.integers(1, levels, size=size)) % levels
        shown.append(np.where(rng.random(size) < reliability, true, other))
        classes = classes * levels + true
    return classes, shown


def _draw_papers(
    rng: np.random.Generator, config: AcademicConfig, shown: list[Ints]
) -> tuple[tuple[Ints, Ints], Ints, Ints]:
    """Returns author-paper edges, and the topic and school of each paper, those of its authors."""
    counts = config.counts
    authors, papers = counts["author"], counts["paper"]
    owner = rng.permutation(papers) % authors  # Every author owns two papers.
    cell = shown[1] * _LEVELS[2] + shown[2]
    members = Groups.of(cell, _LEVELS[1] * _LEVELS[2])

    def coauthor(count: int) -> tuple[Ints, Ints]:
        paper = rng.integers(papers, size=count)
        return members.member(rng, cell[owner[paper]], power=1.5), paper

    own = (owner, np.arange(papers))
    writes = distinct_pairs(rng, coauthor, config.edges["writes"], papers, keep=own)
    return writes, shown[1][owner], shown[2][owner]


def _draw_venues(
    rng: np.random.Generator, counts: dict[str, int], school: Ints
) -> tuple[Ints, Ints]:
    """Returns paper-venue edges: venue ``v`` belongs to school ``v % 3``."""
    papers, venues = counts["paper"], counts["venue"]
    round_ = skewed(rng, venues // _LEVELS[2], papers, 1.3)
    return np.arange(papers), round_ * _LEVELS[2] + school


def _draw_features(
    rng: np.random.Generator, config: AcademicConfig, shown: list[Ints], topic: Ints
) -> dict[str, torch.Tensor]:
    counts, dim = config.counts, config.dim
    # Orthonormal directions, so that the factors do not interfere.
    axes = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)
    author: Floats = rng.standard_normal((counts["author"], dim), dtype=np.float32)
    author += np.float32(config.style_signal) * (2 * shown[0] - 1)[:, None] * axes[0]
    author += np.float32(config.school_signal) * axes[1 + shown[2]]
    paper: Floats = rng.standard_normal((counts["paper"], dim), dtype=np.float32)
    paper += np.float32(config.topic_signal) * (2 * topic - 1)[:, None] * axes[0]
    term: Floats = rng.standard_normal((counts["term"], dim // 2), dtype=np.float32)
    return {
        "author": torch.from_numpy(author.astype(np.float32)),
        "paper": torch.from_numpy(paper.astype(np.float32)),
        "term": torch.from_numpy(term),
    }


def _draw_split(rng: np.random.Generator, size: int) -> Split:
    order = torch.from_numpy(rng.permutation(size))
    first, second = size // 2, size * 7 // 10
    return Split(train=order[:first], valid=order[first:second], test=order[second:])
