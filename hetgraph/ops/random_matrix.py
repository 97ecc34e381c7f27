"""Random matrices determined by a key: not stored, and drawn in blocks of rows in any order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hetgraph.errors import ConfigError, suggest
from hetgraph.seeds import keyed_seed

__all__ = ["Key", "ProjectionKind", "gaussian_matrix", "projection_matrix", "sign_matrix"]

Key: TypeAlias = "int | tuple[object, ...]"
ProjectionKind = Literal["sparse", "gaussian"]

_GROUP_ROWS = 64  # rows drawn from one counter; part of the definition of the matrices
_LEVELS = 2**16  # a sign takes 16 random bits


def sign_matrix(
    key: Key,
    rows: int,
    cols: int,
    *,
    s: float = 3.0,
    start: int = 0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Returns random signs: +1 and -1 with probability ``1 / (2 s)`` each, else 0.

    Multiplied by ``sqrt(s)`` the entries have variance one (Achlioptas, "Database-friendly random
    projections", 2003). The bits come from a counter-based generator (Philox) with one counter per
    64 rows, so rows ``start .. start + rows`` do not depend on what else is drawn. Probabilities
    are exact to 2**-17.

    18 M signs (4231 x 4231) take 54 ms, of which the bits take 20 ms.

    Args:
        key: A non-negative integer, or a tuple that is hashed to one.
        rows: Number of rows.
        cols: Number of columns; part of the definition, as each row takes that many draws.
        s: Inverse of the fraction of non-zero entries, from 1 to 32768.
        start: First row.
        device: Device of the result; the values do not depend on it.

    Returns:
        ``[rows, cols]`` float32.

    Raises:
        ConfigError: If ``s``, the key or the shape is out of range.

    Example:
        >>> whole = sign_matrix(7, 100, 3)
        >>> torch.equal(sign_matrix(7, 40, 3, start=60), whole[60:])
        True
    """
    if not 1 <= s <= _LEVELS / 2:
        raise ConfigError(f"s is {s}, expected 1 to {_LEVELS // 2}; 3 is the usual choice.")
    low = round(_LEVELS / (2 * s)) - _LEVELS // 2
    signs = np.empty(_checked(rows, cols, start), dtype=np.float32)
    for target, words in _groups(key, start, rows, 2 * cols):
        level = words.view(np.int16)[:, :cols]
        # int8 in one thread of numpy: 54 ms for 18 M signs, on busy cores, too, where the same
        # line in torch (45 ms on idle cores) waits for its threads at each of 66 groups.
        signs[target] = (level >= -low).view(np.int8) - (level < low).view(np.int8)
    return _tensor(signs, device)


def gaussian_matrix(
    key: Key, rows: int, cols: int, *, start: int = 0, device: torch.device | str | None = None
) -> Tensor:
    """Returns standard normal entries, each determined by the key, its row and ``cols``.

    Box-Muller on the counters of :func:`sign_matrix`; a pair of entries takes 64 bits, so the
    absolute values are at most 6.7.

    Args:
        key: A non-negative integer, or a tuple that is hashed to one.
        rows: Number of rows.
        cols: Number of columns; part of the definition.
        start: First row.
        device: Device of the result.

    Returns:
        ``[rows, cols]`` float32.

    Raises:
        ConfigError: If the key or the shape is out of range.

    Example:
        >>> whole = gaussian_matrix(("features", 0), 100, 3)
        >>> torch.equal(gaussian_matrix(("features", 0), 40, 3, start=60), whole[60:])
        True
    """
    normal = np.empty(_checked(rows, cols, start), dtype=np.float32)
    half = (cols + 1) // 2
    for target, words in _groups(key, start, rows, 8 * half):
        uniform = (words.view(np.uint32)[:, : 2 * half] + 0.5) * 2.0**-32  # inside (0, 1)
        radius = np.sqrt(-2.0 * np.log(uniform[:, :half]))
        angle = (2.0 * math.pi) * uniform[:, half:]
        normal[target, :half] = radius * np.cos(angle)
        normal[target, half:] = (radius * np.sin(angle))[:, : cols - half]
    return _tensor(normal, device)


def projection_matrix(
    key: Key,
    rows: int,
    cols: int,
    *,
    kind: ProjectionKind = "sparse",
    s: float = 3.0,
    start: int = 0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Returns rows of a random matrix with independent entries of mean zero and variance one.

    Args:
        key: A non-negative integer, or a tuple that is hashed to one.
        rows: Number of rows.
        cols: Number of columns.
        kind: ``"sparse"`` is ``sqrt(s)`` times :func:`sign_matrix`, ``"gaussian"`` is
            :func:`gaussian_matrix`.
        s: Inverse of the fraction of non-zero entries of the sparse kind.
        start: First row.
        device: Device of the result.

    Returns:
        ``[rows, cols]`` float32.

    Raises:
        ConfigError: If the kind is unknown or a number is out of range.

    Example:
        >>> matrix = projection_matrix(0, 2, 3, s=4.0)
        >>> bool(((matrix == 0) | (matrix.abs() == 2)).all())
        True
    """
    if kind == "sparse":
        signs = sign_matrix(key, rows, cols, s=s, start=start, device=device)
        return signs.mul_(math.sqrt(s))
    if kind == "gaussian":
        return gaussian_matrix(key, rows, cols, start=start, device=device)
    raise ConfigError(f"projection kind {kind!r}.{suggest(str(kind), ['sparse', 'gaussian'])}")


def _tensor(array: np.ndarray[Any, Any], device: torch.device | str | None) -> Tensor:
    tensor = torch.from_numpy(array)
    return tensor if device is None else tensor.to(device)


def _checked(rows: int, cols: int, start: int) -> tuple[int, int]:
    if min(rows, cols, start) < 0:
        raise ConfigError(
            f"a random matrix of {rows} x {cols} from row {start}: sizes must not be negative."
        )
    return rows, cols


def _groups(
    key: Key, start: int, rows: int, row_bytes: int
) -> Iterator[tuple[slice, np.ndarray[Any, Any]]]:
    """Yields groups of rows and their random 64-bit words, ``[rows, words]``."""
    number = keyed_seed(*key) if isinstance(key, tuple) else int(key)
    if number < 0:
        raise ConfigError(f"the key is {number}, expected a non-negative integer.")
    words = max(-(-row_bytes // 8), 1)
    done = 0
    while done < rows:
        group, offset = divmod(start + done, _GROUP_ROWS)
        count = min(_GROUP_ROWS - offset, rows - done)
        # The group is the highest word of the counter, so streams of groups never overlap.
        bits = np.random.Philox(key=number, counter=group << 192)
        if words % 4 == 0:  # a counter yields four words, so whole rows can be skipped
            bits.advance(offset * words // 4)
            drawn = bits.random_raw(count * words)
        else:
            drawn = bits.random_raw((offset + count) * words)[offset * words :]
        yield slice(done, done + count), drawn.reshape(count, words)
        done += count
