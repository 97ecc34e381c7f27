from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from hetgraph.data import CSR
from hetgraph.data.schema import EdgeType
from hetgraph.methods import Stage
from hetgraph.models.latte.config import LATTEConfig
from hetgraph.models.latte.links import compose
from hetgraph.models.latte.order import OrderOutput, ScoredEdges
from hetgraph.models.latte.proximity import negative_pairs, proximity_loss
from hetgraph.models.latte.relations import MetaRelation

LINKED = {"weighting": "pattern", "attention": "linear", "proximity": 1.0, "scope": "all"}


@pytest.mark.parametrize("ratio", [1.0, 5.0])
@pytest.mark.parametrize("orders", [1, 2])
def test_zero_scores_lose_ln_2_at_the_first_order(make_graph, make_run, orders, ratio):
    """With values below one the edges of further orders lose less."""
    model, inputs, _ = make_run(make_graph(), **LINKED, num_orders=orders, negative_ratio=ratio)
    with torch.no_grad():
        for order in model.orders:
            for scorer in order.attention:
                scorer.tail.zero_()
                scorer.head.zero_()
        done = model.compute(inputs)
        assert len(done[0].edges) == 4
        loss = float(proximity_loss(done[:1], model.config))
        assert loss == pytest.approx(math.log(2), abs=1e-6)
        if orders == 2:
            second = float(proximity_loss(done[1:], model.config))
            assert math.log(2) / 2 < second < math.log(2)
            assert float(proximity_loss(done, model.config)) == pytest.approx(
                loss + second, abs=1e-5
            )


def test_edge_weights_weigh_the_edges_of_the_first_order(make_graph, make_run):
    """Their mean is one, so that the loss stays as large as without weights."""
    model, inputs, _ = make_run(make_graph(weighted=True), **LINKED, num_orders=2)
    with torch.no_grad():
        done = model.compute(inputs)
    for edges in done[0].edges.values():
        assert torch.equal(edges.value, edges.csr.weight)
        assert float(edges.value.mean()) == pytest.approx(1.0)
    for relation, edges in done[1].edges.items():
        first, last = (inputs.view.relations[step] for step in relation.steps)
        torch.testing.assert_close(edges.value, compose(first, last).weight)


@pytest.mark.parametrize("slope", [1.0, 0.2])
def test_loss_is_the_one_written_out(slope):
    """All pairs score the same here, whichever are drawn: the better of two heads counts."""
    value = torch.tensor([1.0, 0.5, 0.25])
    csr = CSR.from_coo(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 1]), (3, 2))
    scores = (torch.tensor([[-0.3, -1.0]] * 3), torch.tensor([[-0.2, 0.1]] * 2))
    attention = torch.tensor([[0.1, 0.7], [0.2, 0.3], [1.0, 0.4]])
    relation = MetaRelation((EdgeType("b", "x", "a"),))
    output = OrderOutput(edges={relation: ScoredEdges(csr, value, csr, scores, attention)})
    score = torch.tensor(-0.5 * slope)
    kind = "linear" if slope == 1.0 else "leaky_relu"
    for weighed, mean in (("value", value.mean()), ("attention", torch.tensor(2.0 / 3))):
        settings = {**LINKED, "attention": kind, "proximity_value": weighed}
        expected = (mean * F.softplus(-score) + F.softplus(score)) / 2
        result = proximity_loss([output], LATTEConfig(**settings))
        torch.testing.assert_close(result, expected)


def test_negatives_are_no_edges_and_uniform(binary):
    csr = binary(5, 4, 0.5)
    generator = torch.Generator().manual_seed(0)
    rows, cols = negative_pairs(csr, 4000, generator=generator)
    dense = csr.to_dense()
    assert bool((dense[rows, cols] == 0).all())
    kept = 1 - (csr.nnz / 20) ** 4  # three times drawn again
    assert rows.numel() == pytest.approx(4000 * kept, rel=0.02)
    hits = torch.zeros_like(dense).index_put_((rows, cols), torch.ones(rows.numel()), True)
    fraction = hits[dense == 0] / rows.numel()
    even = torch.full_like(fraction, 1 / len(fraction))
    torch.testing.assert_close(fraction, even, atol=0.03, rtol=0)
    again = negative_pairs(csr, 4000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.stack(again), torch.stack((rows, cols)))


def test_a_full_relation_has_no_negatives(binary):
    full = binary(3, 3, 1.1)
    assert negative_pairs(full, 10)[0].numel() == 0
    assert negative_pairs(full, 0)[0].numel() == 0
    empty = CSR.from_coo(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long), (3, 3))
    assert negative_pairs(empty, 10)[0].numel() == 10


def test_negatives_stay_among_the_visible(binary):
    rows, cols = negative_pairs(binary(9, 9), 200, pools=(torch.tensor([1, 4]), None))
    assert set(rows.tolist()) == {1, 4}
    assert len(set(cols.tolist())) > 4


@pytest.mark.parametrize("attention", ["linear", "leaky_relu"])
def test_edges_end_above_other_pairs(make_graph, make_method, attention):
    model, inputs, _ = make_method(
        make_graph(), **{**LINKED, "attention": attention}, num_orders=1, dropout=0.0
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-2)

    def auc() -> float:
        with torch.no_grad():
            (done,) = model.encoder.compute(inputs.encoder)
        fractions = []
        for edges in done.edges.values():
            head, tail = edges.scores
            scores = (head[:, None] + tail[None]).amax(2)
            known = edges.csr.to_dense() > 0
            fractions.append((scores[known][:, None] > scores[~known]).float().mean())
        return float(torch.stack(fractions).mean())

    before = auc()
    for _ in range(30):
        optimizer.zero_grad()
        batch = next(model.batches(inputs, "train", stage=Stage(), batch_size=100))
        loss = model.training_step(batch, stage=Stage())
        assert set(loss.terms) == {"task", "proximity"}
        loss.total.backward()
        optimizer.step()
    assert auc() > max(before, 0.6)
