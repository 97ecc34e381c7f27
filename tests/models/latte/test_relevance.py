from __future__ import annotations

import torch

from hetgraph.methods import SELF
from hetgraph.models.latte.relevance import choice_rows


def test_rows_are_means_and_stds_over_nodes_and_classes():
    weights = torch.tensor([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1]])
    rows = choice_rows("paper", 1, ["paper-author-paper"], weights, torch.tensor([0, 0, -1]))
    by_key = {(row.relation, row.label): row for row in rows}
    assert len(rows) == 4
    whole = by_key["paper-author-paper", None]
    assert (whole.node_type, whole.order) == ("paper", 1)
    assert abs(whole.weight - 0.5) < 1e-6
    assert abs(whole.std - weights[:, 0].std(unbiased=False)) < 1e-6
    assert abs(by_key[SELF, 0].weight - 0.7) < 1e-6
    assert abs(by_key[SELF, 0].std - 0.1) < 1e-6


def test_the_model_reports_every_order_of_every_type(make_graph, make_method):
    model, inputs, _ = make_method(make_graph(), scope="all")
    model.train()
    rows = model.relevance(inputs)
    assert model.training
    sums: dict[tuple[str, int], float] = {}
    for row in rows:
        key = (row.node_type, row.order)
        sums[key] = sums.get(key, 0) + row.weight
        assert row.label is None
    assert len(sums) == 6
    assert all(abs(total - 1) < 1e-5 for total in sums.values())
    names = [row.relation for row in rows if (row.node_type, row.order) == ("paper", 1)]
    assert names == ["paper-author-paper", "paper-venue-paper", SELF]
    with torch.no_grad():
        choice = model.eval().encoder.compute(inputs.encoder)[1].choice["paper"]
    weights = [row.weight for row in rows if (row.node_type, row.order) == ("paper", 1)]
    torch.testing.assert_close(torch.tensor(weights), choice.mean(0))


def test_classes_add_rows_for_the_target_alone(make_graph, make_run):
    model, inputs, task = make_run(make_graph(), scope="all")
    rows = model.relevance(inputs, task.labels)
    labelled = [row for row in rows if row.label is not None]
    assert {row.node_type for row in labelled} == {"paper"}
    assert {row.label for row in labelled} == {0, 1}
    assert len(labelled) == 2 * 3 * 2
