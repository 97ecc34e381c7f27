"""Relation pairs, message groups and their dims, read off the schema alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hetgraph.data import EdgeType, Schema
from hetgraph.metapaths.step import Step
from hetgraph.methods import SELF, mixed_label, path_label
from hetgraph.models.rphgnn.config import RpHGNNConfig

__all__ = ["Group", "Layout", "Pair", "relation_pairs"]


@dataclass(frozen=True)
class Pair:
    """A relation and its reverse, counted once.

    Args:
        forward: The canonical direction: the one the schema declares first.
        backward: Its declared reverse, ``None`` if the schema has none.
    """

    forward: EdgeType
    backward: EdgeType | None = None

    @property
    def homogeneous(self) -> bool:
        """Whether both ends are of one type; such a relation is made symmetric."""
        return self.forward.src == self.forward.dst

    @property
    def symmetric(self) -> bool:
        """Whether the schema declares the relation as its own reverse."""
        return self.backward == self.forward

    def touches(self, node_type: str) -> bool:
        """Whether one of the ends is ``node_type``."""
        return node_type in (self.forward.src, self.forward.dst)


@dataclass(frozen=True)
class Group:
    """Messages that reach one type through one relation pair in a given number of hops.

    Args:
        pair: The relations walked to and fro.
        hops: Number of hops; odd ones arrive from the other end, even ones are round trips.
        end: Type that receives the messages.
    """

    pair: Pair
    hops: int
    end: str

    @property
    def start(self) -> str:
        """Type the messages come from."""
        src, _, dst = self.pair.forward
        if self.pair.homogeneous or self.hops % 2 == 0:
            return self.end
        return dst if self.end == src else src

    @property
    def chain(self) -> tuple[Pair, str]:
        """Groups of one chain are successive products of one matrix: (pair, first type)."""
        return self.pair, self.start

    @property
    def key(self) -> str:
        """A name that depends on the graph's own names only."""
        src, name, dst = self.pair.forward
        return f"{src}|{name}|{dst}|{self.hops}|{self.end}"

    def label(self, schema: Schema) -> str:
        """Returns the label of the messages: the path they take, from start to end."""
        relation, at, steps = self.pair.forward, self.start, []
        for _ in range(self.hops):
            step = Step(relation, relation.src == at)
            steps.append(step)
            at = step.end
        both = self.pair.homogeneous and not self.pair.symmetric
        return path_label(steps, schema) + (" (both directions)" if both else "")


def relation_pairs(schema: Schema) -> tuple[Pair, ...]:
    """Returns every relation once, sorted by its canonical ``(src, name, dst)`` triple.

    The canonical direction of two declared reverses is the one declared first among the edge
    types. The choice only decides the order of the groups.
    """
    pairs: list[Pair] = []
    seen: set[EdgeType] = set()
    for edge_type in schema.edge_types:
        if edge_type in seen:
            continue
        reverse = schema.reverse_of(edge_type)
        seen.update({edge_type} if reverse is None else {edge_type, reverse})
        pairs.append(Pair(edge_type, reverse))
    return tuple(sorted(pairs, key=lambda pair: tuple(pair.forward)))


@dataclass(frozen=True)
class Layout:
    """Which tensors the network receives, from schema, target and settings.

    Args:
        schema: The graph's declaration.
        target: Node type whose vectors are wanted.
        num_classes: Number of classes whose labels are read; 0 where there are none.
        config: Settings.
    """

    schema: Schema
    target: str
    num_classes: int
    config: RpHGNNConfig

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All relation pairs in canonical order."""
        return relation_pairs(self.schema)

    @cached_property
    def dims(self) -> dict[str, int]:
        """Dimension of every type's running representation."""
        dims = {name: self.raw_dim(name) for name in self.schema.node_types}
        if self.config.target_dim is not None:
            dims[self.target] = self.config.target_dim
        return dims

    def raw_dim(self, node_type: str) -> int:
        """Dimension of a type's features; of the noise if it has none (text counts as none)."""
        return self.schema.node_types[node_type].dim or self.config.noise_dim

    def groups_of(self, node_type: str) -> tuple[Group, ...]:
        """Message groups of a type: pairs in canonical order, fewer hops first."""
        return tuple(
            Group(pair, hops, node_type)
            for pair in self.pairs
            if pair.touches(node_type)
            for hops in self.config.hops
        )

    @cached_property
    def feature_groups(self) -> tuple[Group, ...]:
        """Groups of the target."""
        return self.groups_of(self.target)

    @cached_property
    def label_groups(self) -> tuple[Group, ...]:
        """Groups that bring labels from target to target within two hops."""
        if not self.config.labels or not self.num_classes:
            return ()
        return tuple(
            Group(pair, hops, self.target)
            for pair in self.pairs
            if pair.touches(self.target)
            for hops in ((1, 2) if pair.homogeneous else (2,))
        )

    def first_slot(self, group: Group) -> int:
        """Slot of the first round: 1 in groups that begin with the target's input."""
        return int(self.config.use_input and group.hops % 2 == 0)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """``(slots, dim)`` of every input of the network: features, raw target features, labels."""
        shapes = [
            (self.config.rounds + self.first_slot(group), self.dims[group.start])
            for group in self.feature_groups
        ]
        if self.config.target_dim is not None:
            shapes.append((1, self.raw_dim(self.target)))
        shapes += [(1, self.num_classes)] * len(self.label_groups)
        return tuple(shapes)

    @cached_property
    def names(self) -> tuple[tuple[tuple[str, int], ...], ...]:
        """Label and round of every slot of every input of the network, shaped as :attr:`shapes`.

        In round 0 a type sends its own features, so the label is the path of the group; later, what
        reached it in the rounds before, which comes from several types.
        """
        names = [self._slots(group) for group in self.feature_groups]
        if self.config.target_dim is not None:
            names.append(((f"{SELF} (as given)", 0),))
        labels = (f"label: {group.label(self.schema)}" for group in self.label_groups)
        return (*names, *(((label, 0),) for label in labels))

    def _slots(self, group: Group) -> tuple[tuple[str, int], ...]:
        path = group.label(self.schema)
        slots = [(path, 0)]
        for rounds in range(1, self.config.rounds):
            sources = self._origins(group.start, rounds)
            slots.append((mixed_label(sources, path, rounds), rounds))
        if self.first_slot(group):
            several = sum(map(self.first_slot, self.feature_groups)) > 1
            slots.insert(0, (f"{SELF} (beside {path})" if several else SELF, 0))
        return tuple(slots)

    def _origins(self, node_type: str, rounds: int) -> frozenset[str]:
        """Types whose features are in the representation of a type after some rounds."""
        origins = frozenset([node_type])
        for _ in range(rounds):
            origins = frozenset(g.start for name in origins for g in self.groups_of(name))
        return origins

    def required(self) -> list[frozenset[str]]:
        """Types whose representation is needed in each round, for the target's groups.

        A round needs the types that its collected groups start from, and those that the groups
        of the types needed one round later start from.
        """
        collected = frozenset(group.start for group in self.feature_groups)
        needed = [collected]
        for _ in range(self.config.rounds - 1):
            feeding = {group.start for name in needed[0] for group in self.groups_of(name)}
            needed.insert(0, collected | feeding)
        return needed
