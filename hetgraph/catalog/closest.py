"""The name that a misspelt name of a data set means."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["closest_name"]


def closest_name(name: str, options: Sequence[str]) -> str | None:
    """Returns the option most similar to ``name``, even with swapped letters (DPLB for DBLP)."""

    def ratio(given: str, known: str) -> float:
        return difflib.SequenceMatcher(None, given, known).ratio()

    def similarity(option: str) -> float:
        given, known = name.lower(), option.lower()
        if given.partition("/")[0] == known.partition("/")[0]:
            given, known = given.partition("/")[2], known.partition("/")[2]
        return ratio(given, known) + ratio("".join(sorted(given)), "".join(sorted(known)))

    best = max(options, key=similarity, default=None)
    return best if best is not None and similarity(best) > 1.4 else None
