"""Restricted unpickling, for old benchmark files: nothing in a file can run code."""

from __future__ import annotations

import collections
import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from hetgraph.errors import FileFormatError

__all__ = ["ForbiddenError", "load_pickle", "restricted_unpickler"]

# These moved in numpy 2; a pickle made here names their place in the installed version.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]
_FROM_BUFFER: Any = np.empty(0).__reduce_ex__(5)[0]


def _encode(text: str, encoding: str) -> bytes:
    """Decodes bytes that Python 3 stored in an old protocol, always as latin1."""
    if encoding != "latin1":
        raise ValueError(f"bytes are encoded as {encoding!r}, expected latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


# Every name that a file may refer to, with the object that replaces it.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("__builtin__", "list"): list,
    ("builtins", "list"): list,
    ("collections", "defaultdict"): collections.defaultdict,
}
for _short in ("csr", "csc", "coo"):
    for _module in (f"scipy.sparse.{_short}", f"scipy.sparse._{_short}"):
        _ALLOWED[_module, f"{_short}_matrix"] = getattr(sp, f"{_short}_matrix")


class ForbiddenError(Exception):
    """A file refers to a name that is not in the allow-list."""


def restricted_unpickler(allowed: Mapping[tuple[str, str], Any]) -> type[pickle.Unpickler]:
    """Returns an unpickler that resolves only the names of an allow-list.

    Args:
        allowed: Object by module and name. Nothing is imported.
    """

    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            try:
                return allowed[module, name]
            except KeyError:
                raise ForbiddenError(f"{module}.{name}") from None

    return Restricted


_Unpickler = restricted_unpickler(_ALLOWED)


def load_pickle(data: bytes, source: str) -> Any:
    """Reads a pickle that contains only arrays, sparse matrices, lists, dicts and numbers.

    Pickles of Python 2 and old module names of numpy and scipy are supported. Sparse matrices at
    the top level or in a list are checked entry by entry, because scipy does not check offsets.

    Args:
        data: The bytes of the file.
        source: Name of the file in messages.

    Raises:
        FileFormatError: If the file is damaged or refers to any other class or function.
    """
    try:
        value = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        for matrix in value if isinstance(value, list) else [value]:
            _check_sparse(matrix)
    except ForbiddenError as error:
        raise FileFormatError(
            f"{source} refers to {error}, which is not an allowed class; it is not a file of this "
            "format and was not read."
        ) from error
    except Exception as error:  # A damaged stream can raise nearly anything.
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{source} is damaged or truncated ({type(error).__name__}: {reason})."
        ) from error
    return value


def _check_sparse(value: Any) -> None:
    if not sp.issparse(value):
        return
    if value.format == "coo":
        rows, cols = value.row, value.col
        inside = rows.size == cols.size == value.data.size
        for ids, bound in ((rows, value.shape[0]), (cols, value.shape[1])):
            inside = inside and (not ids.size or (ids.min() >= 0 and ids.max() < bound))
        if not inside:
            raise ValueError("a sparse matrix has entries outside its shape")
    else:
        value.check_format(full_check=True)
