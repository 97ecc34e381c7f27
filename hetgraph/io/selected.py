"""Some rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from hetgraph.io.sources import Source

__all__ = ["SelectedRows", "complete_rows"]


class SelectedRows(Source):
    """A table without some of its rows; messages count the rows that are left.

    Args:
        source: The table.
        rows: The numbers of the rows to keep.
        what: What they have in common, for messages.
    """

    def __init__(self, source: Source, rows: pa.Array, what: str) -> None:
        super().__init__(f"{source.label}, {what}")
        self._source, self._rows = source, rows

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return self._source.names

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return len(self._rows)

    @property
    def is_text_file(self) -> bool:
        """Whether the table is a text file, whose types are inferred."""
        return self._source.is_text_file

    def check(self, name: str) -> None:
        """Checks that the table has a column, which may be a computed one."""
        self._source.check(name)

    def _read(self, name: str) -> pa.Array:
        return self._source.column(name).take(self._rows)

    def written(self, name: str) -> pa.Array:
        """Returns a column of ids or texts; of a text file exactly as written."""
        return self._source.written(name).take(self._rows)


def complete_rows(source: Source, names: Sequence[str]) -> Source:
    """Returns the rows in which no column of ``names`` is missing.

    Raises:
        DataError: If there is no such column.
    """
    given = np.ones(source.num_rows, dtype=bool)
    for name in names:
        given &= np.asarray(source.written(name).is_valid())
    if given.all():
        return source
    return SelectedRows(source, pa.array(np.flatnonzero(given)), "rows with both ends")
