"""Four separate sources of chance, so that variance can be told apart by source."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal

import torch

__all__ = ["SeedKind", "Seeds", "keyed_seed"]

SeedKind = Literal["split", "init", "sampling", "projection"]


@dataclass(frozen=True)
class Seeds:
    """The seed of each source of chance.

    Args:
        split: Draws the validation set.
        init: Initialises parameters.
        sampling: Orders batches, drops out, samples neighbours and negatives.
        projection: Draws fixed random features and projections.
    """

    split: int = 0
    init: int = 0
    sampling: int = 0
    projection: int = 0

    @classmethod
    def from_seed(cls, seed: int) -> Seeds:
        """Returns the same seed for every source; their streams differ all the same."""
        return cls(seed, seed, seed, seed)

    def key(self, kind: SeedKind, *parts: object) -> int:
        """Returns a 63-bit seed for one purpose: equal parts give equal seeds, others do not."""
        return keyed_seed(kind, getattr(self, kind), *parts)

    def generator(self, kind: SeedKind, *parts: object) -> torch.Generator:
        """Returns a fresh CPU generator for one purpose, independent of any call order."""
        return torch.Generator().manual_seed(self.key(kind, *parts))

    def to_dict(self) -> dict[str, int]:
        """Returns the seeds by source."""
        return asdict(self)


def keyed_seed(*parts: object) -> int:
    """Hashes parts (by their ``str``) into a 63-bit seed that is stable across machines."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1
