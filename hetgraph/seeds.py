"""Four separate sources of randomness, so that variance can be attributed to each of them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch

__all__ = ["SeedKind", "Seeds", "keyed_seed", "mixed_bits"]

SeedKind = Literal["split", "init", "sampling", "projection"]


@dataclass(frozen=True)
class Seeds:
    """The seed of each source of randomness.

    Args:
        split: Choice of the validation set.
        init: Initial parameters.
        sampling: Order of batches, dropout, sampled neighbours and negatives.
        projection: Fixed random features and projections.

    Example:
        >>> seeds = Seeds.from_seed(1)
        >>> seeds.key("init", "encoder") == seeds.key("init", "head")
        False
    """

    split: int = 0
    init: int = 0
    sampling: int = 0
    projection: int = 0

    @classmethod
    def from_seed(cls, seed: int) -> Seeds:
        """Returns one seed for all sources; their random streams still differ."""
        return cls(seed, seed, seed, seed)

    def key(self, kind: SeedKind, *purpose: object) -> int:
        """Returns a 63-bit seed that is determined by the source and the purpose."""
        return keyed_seed(kind, getattr(self, kind), *purpose)

    def generator(self, kind: SeedKind, *purpose: object) -> torch.Generator:
        """Returns a new CPU generator for a purpose, independent of the order of calls."""
        return torch.Generator().manual_seed(self.key(kind, *purpose))

    def to_dict(self) -> dict[str, int]:
        """Returns the seeds by source."""
        return asdict(self)


def keyed_seed(*key: object) -> int:
    """Hashes the ``str`` of the arguments to a 63-bit seed that is the same on all machines."""
    text = "\x1f".join(map(str, key)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


def mixed_bits(values: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, Any]:
    """Scrambles 64-bit numbers: the finaliser of SplitMix64 (Steele et al., OOPSLA 2014).

    Example:
        >>> mixed_bits(np.array([0, 1], dtype=np.uint64)).tolist()
        [0, 6238072747940578789]
    """
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
