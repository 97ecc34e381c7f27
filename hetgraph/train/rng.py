"""The global random generators: saved, restored, and kept apart from the caller's."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

__all__ = ["capture", "isolated", "restore", "seed_all"]


def capture(device: torch.device) -> dict[str, Tensor]:
    """Returns the states of the generators of torch (CPU and device), NumPy and Python.

    Every value is a tensor of a fixed shape, so that states can be stored without pickle and
    gathered over processes. Words of 32 bits are held exactly by float64.
    """
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    inner = numpy["state"]
    version, words, spare = random.getstate()
    python = [float(version), *map(float, words), math.nan if spare is None else spare]
    state = {
        "torch": torch.get_rng_state(),
        "numpy": torch.tensor(
            [*inner["key"].tolist(), inner["pos"], numpy["has_gauss"], numpy["gauss"]],
            dtype=torch.float64,
        ),
        "python": torch.tensor(python, dtype=torch.float64),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Sets the generators to what :func:`capture` returned."""
    torch.set_rng_state(state["torch"].cpu().clone())  # It reads views from the wrong place.
    *keys, position, has_gauss, gauss = state["numpy"].tolist()
    words = np.array(keys, dtype=np.float64).astype(np.uint32)
    np.random.set_state(("MT19937", words, int(position), int(has_gauss), gauss))  # noqa: NPY002
    version, *python, spare = state["python"].tolist()
    random.setstate((int(version), tuple(map(int, python)), None if math.isnan(spare) else spare))
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu().clone(), device)


def seed_all(seed: int) -> None:
    """Seeds torch (every device), NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)


@contextlib.contextmanager
def isolated(device: torch.device, seed: int) -> Iterator[None]:
    """Runs the block from a seed and gives the caller's generators back as they were."""
    before = capture(device)
    seed_all(seed)
    try:
        yield
    finally:
        restore(before, device)
