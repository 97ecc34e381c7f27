"""Arrays of entries, without the matrix around them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hetgraph.data import CSR, HeteroGraph, Relation
from hetgraph.data.entries import inverse_sum, is_weighted, node_count
from hetgraph.errors import DataError


def test_the_inverse_of_a_sum_that_is_not_positive_is_zero() -> None:
    value = torch.tensor([3.0, 1.0, 0.0, -2.0])
    ids = torch.tensor([0, 0, 1, 3])
    assert inverse_sum(value, ids, 4, -1.0).tolist() == [0.25, 0.0, 0.0, 0.0]
    assert inverse_sum(value, ids, 4, -0.5).tolist() == [0.5, 0.0, 0.0, 0.0]


def test_numbers_of_nodes_are_whole_and_fit_in_memory() -> None:
    assert [node_count("n", n) for n in (3, 3.0, np.int32(3), torch.tensor(3))] == [3] * 4
    for wrong in (-1, 2**70, 2.5, "3", None, float("nan"), float("inf"), torch.ones(2)):
        with pytest.raises(DataError, match=r"expected a whole number from 0 to 2\^40"):
            node_count("n", wrong)
    ends = torch.tensor([0]), torch.tensor([0])
    with pytest.raises(DataError, match=f"node type 'a': {2**70} nodes"):
        HeteroGraph(num_nodes={"a": 2**70}, relations={})
    with pytest.raises(DataError, match=f"columns: {2**70} nodes"):
        Relation.from_edges(*ends, 2**70, 1)
    with pytest.raises(DataError, match=f"rows: {2**70} nodes"):
        CSR.from_coo(*ends, (2**70, 1))


def test_ids_of_no_common_type_are_one_line() -> None:
    with pytest.raises(
        DataError, match=r"ids or text \[1, 1180591620717411303424\] have no common"
    ):
        HeteroGraph(num_nodes={"a": 2}, relations={}, ids={"a": [1, 2**70]})


def test_weights_that_are_all_one_are_none() -> None:
    assert not is_weighted(None)
    assert not is_weighted(torch.ones(3))
    assert not is_weighted(torch.ones(0))
    assert is_weighted(torch.tensor([1.0, 0.5]))
