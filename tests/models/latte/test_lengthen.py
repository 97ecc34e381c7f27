"""Composed edges of the 2021 preset: which are lengthened, by which weight, and how many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR
from hetgraph.models.latte import LATTEConfig
from hetgraph.models.latte.links import Link
from hetgraph.models.latte.relations import MetaRelation

THRESHOLD = 0.5


@dataclass(frozen=True)
class Lengthened:
    """What a second order is composed of, and the result.

    Args:
        before: Edges of the first order, by meta relation.
        weights: ``[nnz, heads]`` attention of these edges.
        single: Edges of the graph's own relations.
        links: The second order.
    """

    before: dict[MetaRelation, CSR]
    weights: dict[MetaRelation, Tensor]
    single: dict[MetaRelation, CSR]
    links: dict[MetaRelation, Link]


def lengthen(
    make_graph: Callable[..., Any], make_run: Callable[..., Any], *, weighted: bool
) -> Lengthened:
    """The only place that knows the model: a second order from attention that is drawn here."""
    changes = {"hidden_dim": 8, "edge_threshold": THRESHOLD, "edge_weights": weighted}
    settings = asdict(LATTEConfig.from_preset("2021", **changes))
    model, inputs, _ = make_run(make_graph(weighted=weighted), **settings)
    with torch.no_grad():
        first = model.compute(inputs)[0]
    generator = torch.Generator().manual_seed(7)
    for scored in first.edges.values():
        scored.weights = torch.rand(scored.csr.nnz, 2, generator=generator)
    links = model._lengthen(model.plans[1], first, inputs.view)
    return Lengthened(
        {relation: scored.csr for relation, scored in first.edges.items()},
        {relation: scored.weights for relation, scored in first.edges.items()},
        {MetaRelation((key,)): csr for key, csr in inputs.view.relations.items()},
        links,
    )


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def made(
    make_graph: Callable[..., Any], make_run: Callable[..., Any], request: pytest.FixtureRequest
) -> Lengthened:
    return lengthen(make_graph, make_run, weighted=request.param)


def compose_by_loops(edges: CSR, weights: Tensor, last: CSR) -> Tensor:
    """``A D^-1 B`` of the edges whose strongest head reaches the threshold, in float64."""
    ones = last.to_dense(torch.float64)
    strength = torch.zeros(edges.shape, dtype=torch.float64)
    rows, cols = edges.coo()
    for row, col, by_head in zip(rows.tolist(), cols.tolist(), weights.tolist(), strict=True):
        strongest = max(by_head)
        if strongest >= THRESHOLD:
            strength[row, col] = strongest
    product = torch.zeros(edges.num_rows, last.num_cols, dtype=torch.float64)
    for middle in range(edges.num_cols):
        total = strength[:, middle].sum() + ones[middle].sum()
        if total > 0:
            product += torch.outer(strength[:, middle], ones[middle]) / total
    return product


def test_an_edge_is_as_strong_as_its_strongest_head(made: Lengthened) -> None:
    assert made.links
    for relation, link in made.links.items():
        before, last = relation.prefix, MetaRelation(relation.steps[-1:])
        expected = compose_by_loops(made.before[before], made.weights[before], made.single[last])
        result = link.csr.with_weight(link.value).to_dense(torch.float64)
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)
        assert torch.equal(result > 0, expected > 0)


def test_an_edge_weighs_the_mean_over_its_middle_nodes(made: Lengthened) -> None:
    for relation, link in made.links.items():
        before, last = made.before[relation.prefix], made.single[MetaRelation(relation.steps[-1:])]
        if last.weight is None:
            assert link.csr.weight is None
            continue
        passed = made.weights[relation.prefix].amax(1) >= THRESHOLD
        left = before.with_weight(before.weight * passed).to_dense(torch.float64)
        right = last.to_dense(torch.float64)
        total = torch.zeros(before.num_rows, last.num_cols, dtype=torch.float64)
        count = torch.zeros_like(total)
        for middle in range(before.num_cols):
            products = torch.outer(left[:, middle], right[middle])
            total += products
            count += products > 0
        result = link.csr.to_dense(torch.float64)
        torch.testing.assert_close(result, total / count.clamp(min=1), rtol=1e-5, atol=1e-6)


def test_the_cap_counts_edges_after_the_threshold(made: Lengthened) -> None:
    """As officially: the sampler is given the edges that passed the threshold."""
    fewer = 0
    for relation, link in made.links.items():
        before, last = relation.prefix, MetaRelation(relation.steps[-1:])
        passed = int((made.weights[before].amax(1) >= THRESHOLD).sum())
        assert link.cap == min(passed, made.single[last].nnz)
        fewer += passed < min(made.before[before].nnz, made.single[last].nnz)
    assert fewer  # else the two counts could not be told apart


def test_no_more_edges_are_drawn_than_the_cap(made: Lengthened) -> None:
    capped = 0
    for link in made.links.values():
        drawn = link.sampled(torch.Generator().manual_seed(0)).csr.nnz
        assert drawn == min(link.cap, link.csr.nnz)
        capped += link.cap < link.csr.nnz
    assert capped
