"""Vectors of many texts, each text encoded once, ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from hetgraph.features.encoder import TextEncoder
from hetgraph.features.store import stored

__all__ = ["embed_texts"]

_BLOCK = 1024
"""Texts kept in one file: what a killed run loses at most."""


def embed_texts(texts: Any, encoder: TextEncoder, *, progress: bool = True) -> Tensor:
    """Returns vectors of texts; zeros for texts that are missing or blank.

    Equal texts are encoded once. Vectors are kept in the cache folder by the texts and the
    identity of the encoder, block by block, so that a run that was cut off goes on where it was.

    Args:
        texts: ``[n]`` strings, an Arrow array or a sequence; ``None`` where there is none.
        encoder: The encoder; it is not asked for what the cache holds.
        progress: Whether to show a bar on a terminal.

    Returns:
        ``[n, dim]`` float32.
    """
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    column = pc.utf8_trim_whitespace(column.cast(pa.string()))
    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    known = pc.unique(column.drop_null())
    if not len(known):
        return torch.zeros(len(column), encoder.dim)
    blocks = [known.slice(start, _BLOCK).to_pylist() for start in range(0, len(known), _BLOCK)]
    parts = []
    with _bar(f"texts, {encoder.identity.split(':')[1]}", len(known), wanted=progress) as advance:
        for block in blocks:
            parts.append(stored("text", (encoder.identity, block), partial(encoder.encode, block)))
            advance(len(block))
    vectors = torch.cat(parts)
    place = pc.fill_null(pc.index_in(column, value_set=known), -1)
    row = torch.tensor(place.to_numpy(), dtype=torch.int64)
    found = vectors[row.clamp(min=0)]
    return torch.where((row >= 0).unsqueeze(1), found, 0.0)


@contextmanager
def _bar(title: str, total: int, *, wanted: bool) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    shown = wanted and console.is_terminal
    with Progress(console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=total)

        def advance(count: int) -> None:
            bar.update(task, advance=count)

        yield advance
