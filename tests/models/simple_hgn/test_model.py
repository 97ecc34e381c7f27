"""The network: parameters, inputs, residual weights, relevance, training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.methods import Stage
from hetgraph.models.simple_hgn import SimpleHGN, SimpleHGNConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task

CONFIG = SimpleHGNConfig(hidden_dim=8, num_heads=2, edge_dim=4, dropout=0.0, attention_dropout=0.0)
STAGE = Stage()


def build(task, config=CONFIG, seed=0, **changes):
    torch.manual_seed(seed)
    model = SimpleHGN.for_task(task, replace(config, **changes))
    return model, model.prepare(task, seeds=Seeds())


def predict(model, inputs):
    return model.predict(inputs, "test").values


def test_parameters_are_counted_from_the_schema(task):
    """Authors (6 features) and papers (9); three relations and the self-loop reach the target."""
    model, _ = build(task)
    assert set(model.encoder.features) == {"author", "paper"}
    encoders = (6 + 1) * 8 + (9 + 1) * 8

    def layer(in_dim, out_dim, heads, residual):
        attention = 2 * heads * out_dim + heads * 4 + 4 * 4 + 4 * heads * 4
        return in_dim * out_dim * heads * (1 + residual) + attention

    hidden = layer(8, 8, 2, False) + layer(16, 8, 2, True)
    assert model.num_parameters() == encoders + hidden + layer(16, 3, 1, True)


@pytest.mark.parametrize(
    ("inputs", "rows"),
    [("features", (6, 9)), ("target", (6, 47)), ("ids", (40, 47))],
)
def test_inputs_are_features_or_a_vector_per_node(task, inputs, rows):
    model, prepared = build(task, inputs=inputs)
    assert tuple(encoder.weight.shape[0] for _, encoder in model.encoder.features.items()) == rows
    assert predict(model, prepared).shape == (10, 3)


def test_logits_have_length_one_if_asked(task):
    model, inputs = build(task, normalize=True)
    assert torch.allclose(predict(model, inputs).norm(dim=1), torch.ones(10))
    plain, inputs = build(task, normalize=False)
    logits = predict(plain, inputs)
    assert not torch.allclose(logits.norm(dim=1), torch.ones(10), atol=1e-2)
    scaled = torch.nn.functional.normalize(logits)
    torch.testing.assert_close(predict(model, inputs), scaled)


def test_embeddings_are_the_last_hidden_layer_of_the_target(task):
    model, inputs = build(task)
    assert model.embed(inputs, "valid").shape == (6, 16)
    hidden, weights = model.encoder._hidden(inputs.encoder)
    assert torch.equal(model.embed(inputs, "valid"), hidden[20:26])
    assert len(weights) == 2


def test_weights_of_the_layer_before_flow_on_without_gradient(task):
    """As if the second layer were given them as numbers."""
    model, inputs = build(task, attention_residual=0.4)
    apart, _ = build(task, attention_residual=0.0)
    _, (first, second) = model.encoder._hidden(inputs.encoder)
    _, (_, own) = apart.encoder._hidden(inputs.encoder)
    torch.testing.assert_close(second, 0.6 * own + 0.4 * first)
    (grad,) = torch.autograd.grad(second.square().sum(), model.encoder.layers[0].src_vector)
    (alone,) = torch.autograd.grad(
        (0.6 * own + 0.4 * first.detach()).square().sum(), apart.encoder.layers[0].src_vector
    )
    torch.testing.assert_close(grad, alone)


def test_relevance_is_the_attention_mass_of_each_relation(task):
    model, inputs = build(task)
    rows = model.train().relevance(inputs)
    assert model.training
    assert {row.relation for row in rows} == {"paper -written_by> author", "(self)"}
    assert {row.node_type for row in rows} == {"author"}
    for order in range(3):
        mine = [row for row in rows if row.order == order]
        assert sum(row.weight for row in mine) == pytest.approx(1.0, abs=1e-6)
        assert mine[0].std == pytest.approx(mine[1].std, abs=1e-5)
    alpha = model.eval().encoder._hidden(inputs.encoder)[1][0].mean(1)
    loops = inputs.encoder.joint.edge_type == len(model.encoder.plan.edge_types)
    targets = inputs.encoder.joint.csr.row_ids < 40
    expected = alpha[loops & targets]
    (own,) = [row for row in rows if "self" in row.relation and row.order == 0]
    assert own.weight == pytest.approx(float(expected.detach().mean()), abs=1e-6)
    assert own.std == pytest.approx(float(expected.detach().std(correction=0)), abs=1e-6)


def test_relevance_by_class_averages_to_that_of_all(task):
    model, inputs = build(task)
    classes = torch.arange(40) % 2
    rows = [row for row in model.relevance(inputs, classes) if row.order == 1]
    by_label = {
        label: {row.relation: row.weight for row in rows if row.label == label}
        for label in (None, 0, 1)
    }
    for relation, weight in by_label[None].items():
        first, second = (by_label[label][relation] for label in (0, 1))
        assert first != second
        assert (first + second) / 2 == pytest.approx(weight, abs=1e-6)
    classes[:30] = -1
    assert {row.label for row in model.relevance(inputs, classes)} == {None, 0, 1}


def test_it_learns_what_only_the_neighbours_tell(random_graph):
    """The class of an author is the sign of its papers' mean; its own features are noise."""
    graph = random_graph(num_nodes=500, num_edges=3000)
    by = graph.relations[graph.schema.edge_type("written_by")].normalized("row").to_dense()
    target = ((by @ graph.features["paper"])[:, 0] > 0).long()
    ids = torch.arange(500)
    split = Split(ids[:350], ids[350:400], ids[400:])
    task = make_task(Dataset("toy/l", graph, Labels("author", 2, ids, target), {"s": split}))
    model, inputs = build(task, num_layers=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        for batch in model.batches(inputs, "train", stage=STAGE, batch_size=500):
            optimizer.zero_grad()
            model.training_step(batch, stage=STAGE).total.backward()
            optimizer.step()
    assert task.score(model.predict(inputs, "test"), "test")["accuracy"] > 0.8
