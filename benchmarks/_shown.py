"""What a benchmark shows while it measures, and what is left if it is interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.text import Text

__all__ = ["Told", "kept"]


@dataclass
class Told:
    """Tells a line per finished case, also where the output is a file.

    Args:
        console: Where to print.
        total: Number of cases.
    """

    console: Console
    total: int
    number: int = 0
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def case(self, title: str) -> Iterator[None]:
        """Shows on a terminal which case is being measured."""
        self.number += 1
        with self.console.status(f"{self.number}/{self.total} {title}"):
            yield

    def done(self, text: str) -> None:
        """Prints the outcome of the case, and the time since the start."""
        seconds = time.monotonic() - self.started
        line = f"{self.number}/{self.total} {text} ({seconds:,.0f} s since the start)"
        self.console.print(line, markup=False, soft_wrap=True)


@contextmanager
def kept(console: Console, tables: Callable[[], Iterable[RenderableType]]) -> Iterator[None]:
    """Prints the tables in the end, also those of what was measured before an interruption.

    Args:
        console: Where to print.
        tables: Makes them from the rows at hand.
    """
    try:
        yield
    except BaseException:
        console.print(Text("stopped; measured until then:", style="bold"))
        raise
    finally:
        for table in tables():
            console.print(table)
