from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from hetgraph.data import EdgeType
from hetgraph.errors import DataError, SchemaError
from hetgraph.io.attributes import Choice, id_column, numbers, side_by_side, tell_left

KEYS = [EdgeType("a", "to", "b"), EdgeType("b", "to", "a"), EdgeType("a", "at", "b")]


def test_the_first_usual_name_is_taken_of_types_that_are_not_named() -> None:
    choice = Choice.of("features", {"b": ["p", "q"], "c": []}, ["a", "b", "c"], "x", "y")
    assert choice.names("a", ["z", "y", "x"]) == ("x",)
    assert choice.names("a", ["z", "y"]) == ("y",)
    assert choice.names("a", ["z"]) == ()
    assert choice.names("b", ["q", "p", "x"]) == ("p", "q")
    assert choice.names("c", ["x"]) == ()
    assert choice.name("a", ["z"]) is None
    with pytest.raises(DataError, match="of b names 2 attributes"):
        choice.name("b", ["q", "p"])
    with pytest.raises(DataError, match="the attribute 'q' of b, which has none"):
        choice.names("b", ["p"])


def test_edge_types_are_named_by_triples_or_names() -> None:
    for key in (("a", "at", "b"), "at", "a -at> b", KEYS[2]):
        assert Choice.of("edge_time", {key: "t"}, KEYS).given == {KEYS[2]: ("t",)}
    with pytest.raises(SchemaError, match="ambiguous; give the triple: a -to> b; b -to> a"):
        Choice.of("edge_time", {"to": "t"}, KEYS)
    with pytest.raises(SchemaError, match=r"unknown type 'aat'. Did you mean 'at'"):
        Choice.of("edge_time", {"aat": "t"}, KEYS)
    with pytest.raises(SchemaError, match="is by node type, but names the edge type"):
        Choice.of("features", {("a", "at", "b"): "t"}, ["a", "b"])


def test_numbers_keep_their_precision() -> None:
    assert numbers("w", "n", torch.ones(2, dtype=torch.float64), 2).dtype == torch.float64
    assert numbers("w", "n", torch.ones(2, dtype=torch.bool), 2).tolist() == [[1.0], [1.0]]
    assert numbers("w", "n", [np.float16(1), np.float16(2)], 2).dtype == torch.float16
    assert numbers("w", "n", [[1, 2], [3, 4]], 2).tolist() == [[1, 2], [3, 4]]
    assert numbers("w", "n", [2**70, 1], 2)[0, 0] == 2.0**70
    assert numbers("w", "n", [], 0).shape == (0, 1)
    both = side_by_side("w", {"n": torch.ones(2, dtype=torch.float64), "m": [1, 2]}, 2)
    assert both is not None
    assert (both.dtype, both.tolist()) == (torch.float64, [[1, 1], [1, 2]])
    assert side_by_side("w", {}, 2) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None], "must be a number"),
        (["a", "b"], "must be a number"),
        ([[1], [1, 2]], "differs in length"),
        (torch.ones(3), r"shape \[3\]; expected numbers of shape \[2\]"),
        (torch.ones(2, 2, 2), r"shape \[2, 2, 2\]"),
        (torch.ones(2, dtype=torch.complex64), "complex64"),
    ],
)
def test_what_are_no_numbers_is_refused(values: object, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        numbers("w", "n", values, 2)


def test_ids_take_all_64_bits() -> None:
    assert id_column("w", torch.tensor([3, 4])).to_pylist() == [3, 4]
    assert id_column("w", [2**64 - 1, 4]).to_pylist() == [2**64 - 1, 4]
    for given in ([2**64, 1], [-1, 2**63], ["a", 1]):
        with pytest.raises(DataError, match="w: the ids have no common type"):
            id_column("w", given)


def test_many_that_are_left_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "hetgraph.io"):
        tell_left([("a", f"n{number}") for number in range(11)])
        tell_left([])
    (record,) = caplog.records
    assert "a.n7 and 3 more; name" in record.getMessage()
    assert "a.n8" not in record.getMessage()
