"""The quotient: exact for any matrix, small where rows repeat."""

from __future__ import annotations

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.data import CSR
from hetgraph.data.quotient import Quotient, equal_rows
from hetgraph.metapaths import MetaPath
from hetgraph.metapaths.compose import compose


def pattern(rows: int, cols: int, share: float, seed: int = 0) -> CSR:
    generator = torch.Generator().manual_seed(seed)
    dense = (torch.rand(rows, cols, generator=generator) < share).float()
    return CSR.from_dense(dense).with_weight(None)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(30, 3), (3, 30), (20, 20), (1, 1), (0, 4), (4, 0)])
def test_the_product_is_the_matrix(shape: tuple[int, int], share: float) -> None:
    matrix = pattern(*shape, share)
    made = Quotient.of(matrix)
    product = made.expand.to_dense() @ made.core.to_dense() @ made.collect.to_dense()
    assert torch.equal(product, matrix.to_dense())
    core = made.core.to_dense().tolist()
    assert len(set(map(tuple, core))) == len(core)
    assert len(set(zip(*core, strict=True))) == made.core.num_cols or not core


def test_rows_of_a_class_are_equal_and_no_others() -> None:
    matrix = pattern(60, 4, 0.4)
    dense = matrix.to_dense()
    classes = equal_rows(matrix)
    same = (dense[:, None] == dense[None]).all(dim=2)
    assert torch.equal(same, classes[:, None] == classes[None])
    assert classes[0] == 0
    assert (classes.cummax(0).values.diff() <= 1).all()  # numbered by first occurrence


def test_parallel_entries_count() -> None:
    rows, cols = torch.tensor([0, 0, 1]), torch.tensor([1, 1, 1])
    classes = equal_rows(CSR.from_coo(rows, cols, (2, 2)))
    assert classes[0] != classes[1]


def test_cost_counts_classes_not_entries() -> None:
    groups = torch.arange(100) % 5
    made = Quotient.of(CSR.from_dense((groups[:, None] == groups).float()))
    assert made.core.shape == (5, 5)
    assert made.cost == 100 + 5 + 100


def test_the_classes_of_real_meta_paths(data_root) -> None:
    """DBLP's authors have 776 distinct rows by shared conferences, ACM's papers 60 by subjects."""
    for name, text, classes in (
        ("heco/dblp", "author-paper-conference-paper-author", 776),
        ("heco/acm", "paper-subject-paper", 60),
    ):
        graph = load_dataset(name, data_root).graph
        relation = compose(graph, MetaPath.parse(text, graph.schema))
        assert Quotient.of(relation).core.shape == (classes, classes)
