from __future__ import annotations

import collections
import os
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from hetgraph.catalog.unpickle import load_pickle
from hetgraph.errors import FileFormatError


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_arrays_and_matrices_of_every_protocol(protocol: int, kind: str) -> None:
    matrix = sp.random(5, 4, density=0.5, format=kind, random_state=0)
    loaded = load_pickle(pickle.dumps([sp.csr_matrix(matrix), np.arange(3)], protocol), "x")
    np.testing.assert_array_equal(loaded[0].toarray(), matrix.toarray())
    np.testing.assert_array_equal(loaded[1], np.arange(3))


def test_names_of_old_numpy_scipy_and_python_are_understood() -> None:
    data = pickle.dumps(sp.csr_matrix(np.eye(2)), protocol=2)
    old = data.replace(b"scipy.sparse._csr\n", b"scipy.sparse.csr\n")
    old = old.replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    assert old != data
    np.testing.assert_array_equal(load_pickle(old, "x").toarray(), np.eye(2))
    lists = collections.defaultdict(list, {1: [2, 3]})
    loaded = load_pickle(pickle.dumps(lists, protocol=2), "x")
    assert loaded == lists
    # A byte string of Python 2 above 127 needs latin1.
    assert load_pickle(b"U\x01\xe9.", "x") == "\xe9"


class _Attack:
    def __reduce__(self) -> Any:
        return os.system, ("echo broken",)


class _Import:
    def __reduce__(self) -> Any:
        return __import__, ("os",)


@pytest.mark.parametrize(
    "value", [_Attack(), [_Attack()], _Import(), print, np.save, {1: _Attack()}]
)
def test_everything_else_is_refused(value: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileFormatError, match=r"set\.pkl refers to .*not an allowed class"):
        load_pickle(pickle.dumps(value), "set.pkl")
    assert "broken" not in capfd.readouterr().out


def test_other_encodings_and_persistent_ids_are_refused() -> None:
    with pytest.raises(FileFormatError, match="expected latin1"):
        load_pickle(b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "x")
    with pytest.raises(FileFormatError, match="persistent id"):
        load_pickle(b"Pname\n.", "x")


@pytest.mark.parametrize("data", [b"", b"no pickle", pickle.dumps(np.arange(100))[:-50]])
def test_damaged_streams_give_one_line(data: bytes) -> None:
    with pytest.raises(FileFormatError, match=r"set\.pkl is damaged or truncated") as caught:
        load_pickle(data, "set.pkl")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_a_matrix_with_entries_outside_its_shape_is_refused(kind: str) -> None:
    matrix = sp.random(5, 5, density=0.5, format=kind, random_state=0)
    (matrix.row if kind == "coo" else matrix.indices)[0] = 10**6
    for value in (matrix, [matrix]):
        with pytest.raises(FileFormatError, match="damaged"):
            load_pickle(pickle.dumps(value), "x")
