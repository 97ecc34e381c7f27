"""LATTE against a dense reference, and the facts that hold without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.methods import Stage
from hetgraph.models.latte import LATTE, LATTEConfig
from hetgraph.models.latte.inputs import LATTEInputs
from hetgraph.models.latte.relations import MetaRelation

CALM = {"dropout": 0.0, "attention_dropout": 0.0, "head_dropout": 0.0}
PATTERN = {"weighting": "pattern", **CALM}


def hidden(model: LATTE, inputs: LATTEInputs) -> Tensor:
    """Representations of all target nodes in evaluation."""
    model.eval()
    with torch.no_grad():
        return model.vectors(inputs)["paper"]


def grow(model: LATTE, scale: float = 1.0) -> LATTE:
    """Gives every parameter a random value, those that start at zero or one as well."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


# ------------------------------------------------------------------ a dense reference


def reference(model: LATTE, graph: HeteroGraph, *, masked: bool) -> Tensor:
    """Every order by dense matrices: -inf masks, ``[num_nodes, slots, dim]``, no sharing."""
    config = model.config
    adjacency = {key: r.to_dense(torch.float64) for key, r in graph.relations.items()}
    raw = {name: graph.features[name].double() for name in graph.node_types}
    x: Mapping[str, Tensor] = raw
    if config.shared_input:
        x = {n: F.relu(raw[n] @ model.features[n].weight + model.features[n].bias) for n in raw}
    previous: dict[str, Tensor] = {}
    stacked = []
    for order in model.orders:
        near = previous or x
        far = near if config.context == "previous" else x
        done = {}
        for name in order.plan.outputs:
            left = near[name] @ order.left[name].weight + order.left[name].bias
            relations = order.plan.into(name)
            results, present = [], []
            for relation in relations:
                project = order.right[relation.tail]
                right = far[relation.tail] @ project.weight + project.bias
                edges = _edges(relation, adjacency, config.weighting)
                attention = order.attention[order.plan.relations.index(relation)]
                results.append(_dense_attend(attention, edges, left, right, config))
                present.append(edges.sum(1) > 0)
            reads = (
                left if config.choice_input == "projection" and order.plan.order > 1 else near[name]
            )
            logits = reads @ order.choice[name].weight + order.choice[name].bias
            if masked:
                full = torch.stack([*present, torch.ones_like(present[0])], 1)
                logits = logits.masked_fill(~full, -torch.inf)
            z = torch.stack([*results, left], 1)
            done[name] = F.relu((logits.softmax(1).unsqueeze(2) * z).sum(1))
        previous = done
        stacked.append(done[model.spec.target])
    return torch.cat(stacked, 1)


def _edges(relation: MetaRelation, adjacency: Mapping[EdgeType, Tensor], weighting: str) -> Tensor:
    """The weight of every edge: a mean over middle nodes, or a sum over walks through them."""
    first, *others = (adjacency[step] for step in relation.steps)
    edges, walks = first, torch.ones(len(first), dtype=torch.float64)
    before = first
    for step in others:
        if weighting == "pattern":
            count = (edges > 0).double() @ (step > 0).double()
            edges = edges @ step / count.clamp(min=1)
        else:
            arriving = (before > 0).double().T @ walks
            through = (arriving + (step > 0).sum(1)).clamp(min=1)
            edges = edges / through @ step
            walks, before = arriving, step
    return edges


def _dense_attend(attention, edges: Tensor, left: Tensor, right: Tensor, config) -> Tensor:
    heads = config.num_heads
    by_head = right.view(len(right), heads, -1)
    gamma = 1.0 if attention.gamma is None else attention.gamma
    scores = torch.zeros(*edges.shape, heads, dtype=torch.float64)
    if attention.tail is not None:
        scores = scores + (by_head * attention.tail).sum(-1)
    if attention.head is not None:
        scores = scores + (left.view(len(left), heads, -1) * attention.head).sum(-1)[:, None]
    if attention.tail_bias is not None:
        scores = scores + attention.tail_bias + attention.head_bias
    scores = gamma * F.leaky_relu(scores, config.negative_slope)
    missing = (edges == 0).unsqueeze(2)
    scores = scores + edges.log().unsqueeze(2).masked_fill(missing, 0.0)
    weights = scores.masked_fill(missing, -torch.inf).softmax(1).nan_to_num()
    return torch.einsum("ijk,jkd->ikd", weights, by_head).flatten(1)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"factorize": False},
        {"attention": "leaky_relu"},
        {"attention": "leaky_relu", "context": "previous", "num_orders": 3},
        {"attention": "linear", "mask": "none", "num_heads": 1, "score_bias": True},
        {"shared_input": False, "choice_input": "projection"},
        {"attention": "uniform", "context": "previous"},
        {"scope": "all", "context": "previous", "sharpen": False},
        {"weighting": "walks"},
        {"weighting": "walks", "num_orders": 3, "attention": "uniform"},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_a_dense_reference_with_all_gradients(make_graph, make_run, settings, weighted):
    """With edge weights as they are: attention does not depend on their unit."""
    graph = make_graph(weighted=weighted)
    model, inputs, _ = make_run(graph, **{**PATTERN, **settings})
    grow(model).double()
    in_double = {
        name: x.double() if isinstance(x, Tensor) else x for name, x in inputs.features.items()
    }
    inputs = replace(inputs, features=in_double)
    result = model.vectors(inputs)["paper"]
    expected = reference(model, graph, masked=model.config.mask == "node")
    rounded = weighted or model.config.weighting == "walks"  # weights are stored as float32
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if rounded else {"rtol": 1e-6, "atol": 1e-9}
    torch.testing.assert_close(result, expected, **tolerance)
    cotangent = torch.randn_like(result)
    parameters = dict(model.named_parameters())
    mine, other = (
        torch.autograd.grad(
            output,
            list(parameters.values()),
            cotangent,
            allow_unused=True,
            materialize_grads=True,
        )
        for output in (result, expected)
    )
    torch.testing.assert_close(
        dict(zip(parameters, mine, strict=True)),
        dict(zip(parameters, other, strict=True)),
        **tolerance,
    )


# ----------------------------------------------------------------------------- facts


def test_isolated_nodes_keep_only_their_part_of_themselves(make_graph, make_run):
    """Without masks the weight of relations that a node lacks is lost; masks give it back."""
    graph = make_graph()
    for mask, kept in (("none", False), ("node", True)):
        model, inputs, _ = make_run(graph, **CALM, mask=mask, num_orders=1)
        grow(model, 0.3)
        order, last = model.orders[0], graph.num_nodes["paper"] - 1
        x = F.relu(model.features(inputs.features)["paper"])[last].detach()
        left = order.left["paper"](x.unsqueeze(0))[0]
        own = order.choice["paper"](x.unsqueeze(0)).softmax(1)[0, -1]
        result = hidden(model, inputs)[last]
        torch.testing.assert_close(result, F.relu(left if kept else own * left))
        assert 0.05 < float(own.detach()) < 0.95


@pytest.mark.parametrize("weighting", ["walks", "pattern"])
def test_the_first_order_does_not_depend_on_the_second(make_graph, make_run, weighting):
    graph = make_graph()
    short, first, _ = make_run(graph, num_orders=1, weighting=weighting)
    long, second, _ = make_run(graph, num_orders=2, weighting=weighting)
    long.load_state_dict(short.state_dict(), strict=False)
    assert torch.equal(hidden(long, second)[:, :8], hidden(short, first))


@pytest.mark.parametrize("num_orders", [2, 3])
def test_factorised_equals_composed(make_graph, make_run, num_orders):
    """With one venue a paper some links are chains, others are not: the result is the same."""
    graph = make_graph()
    held = Relation.from_edges(torch.arange(13), torch.arange(13) % 3, 14, 4)
    graph = graph.replace(
        relations={
            key: held if key.dst == "venue" else held.transpose if key.src == "venue" else relation
            for key, relation in graph.relations.items()
        }
    )
    model, inputs, _ = make_run(graph, **PATTERN, num_orders=num_orders)
    plain, composed, _ = make_run(graph, **PATTERN, num_orders=num_orders, factorize=False)
    plain.load_state_dict(grow(model).state_dict())
    chains = [link.is_chain for links in inputs.view.links[1:] for link in links.values()]
    assert any(chains)
    assert not all(chains)
    assert not any(link.is_chain for links in composed.view.links for link in links.values())
    torch.testing.assert_close(hidden(model, inputs), hidden(plain, composed))


def test_the_head_cancels_in_a_linear_score_without_gradient(make_graph, make_run):
    model, inputs, _ = make_run(make_graph(), **PATTERN, attention="linear", score_bias=True)
    grow(model)
    before = hidden(model, inputs)
    model.vectors(inputs)["paper"].square().sum().backward()
    for order in model.orders:
        for attention in order.attention:
            for dead in (attention.head, attention.head_bias, attention.tail_bias):
                assert dead.grad is None or dead.grad.abs().max() < 1e-5
            assert attention.tail.grad.abs().max() > 1e-4
    with torch.no_grad():
        for order in model.orders:
            for attention in order.attention:
                attention.head.add_(torch.randn(attention.head.shape))
                attention.head_bias.add_(1)
                attention.tail_bias.add_(1)
    torch.testing.assert_close(hidden(model, inputs), before, atol=1e-5, rtol=1e-5)


def test_the_choice_does_not_depend_on_the_edges_of_the_node(make_graph, make_run):
    graph = make_graph()
    kind = EdgeType("author", "writes", "paper")
    relation = graph.relations[kind]
    src, dst = relation.edges()
    other = graph.with_relation(kind, Relation.from_edges((src + 1) % 8, dst, 9, 14))
    model, inputs, _ = make_run(graph, **CALM, mask="empty", num_orders=1)
    twin, moved, _ = make_run(other, **CALM, mask="empty", num_orders=1)
    with torch.no_grad():
        (before,), (after,) = model.compute(inputs), twin.compute(moved)
    assert torch.equal(before.choice["paper"], after.choice["paper"])
    assert not torch.equal(before.hidden["paper"], after.hidden["paper"])


def test_slots_stay_where_a_relation_is_empty(make_graph, make_run):
    """An empty relation keeps its slot; ``mask="empty"`` leaves it no weight."""
    graph = make_graph()
    kind = EdgeType("author", "writes", "paper")
    src, dst = graph.relations[kind].edges()
    bare = graph.without_edges(kind, src, dst)
    for mask in ("none", "empty", "node"):
        model, inputs, _ = make_run(bare, **CALM, mask=mask, num_orders=1)
        with torch.no_grad():
            choice = model.compute(inputs)[0].choice["paper"]
        assert choice.shape == (14, 3)
        torch.testing.assert_close(choice.sum(1), torch.ones(14))
        assert bool((choice[:, 0] == 0).all()) is (mask != "none")


def test_without_a_choice_all_slots_weigh_the_same(make_graph, make_run):
    graph = make_graph()
    for mask in ("none", "node"):
        model, inputs, _ = make_run(graph, **CALM, mask=mask, choose=False)
        assert not any("choice" in name for name, _ in model.named_parameters())
        for links, done in zip(inputs.view.links, model.compute(inputs), strict=True):
            present = torch.stack([link.reached for link in links.values()], 1).float()
            full = torch.cat([present, torch.ones(14, 1)], 1)
            full = full if mask == "node" else torch.ones_like(full)
            torch.testing.assert_close(done.choice["paper"], full / full.sum(1, keepdim=True))


def test_one_relation_alone_is_a_bipartite_graph_attention(make_graph, make_run):
    graph = make_graph().without_relation(EdgeType("paper", "published_at", "venue"))
    model, inputs, _ = make_run(
        graph, **PATTERN, num_orders=1, num_heads=1, attention="leaky_relu", mask="none"
    )
    grow(model)
    with torch.no_grad():
        model.orders[0].choice["paper"].weight.zero_()
        model.orders[0].choice["paper"].bias.copy_(torch.tensor([50.0, -50.0]))
    gat = pytest.importorskip("torch_geometric.nn").GATConv(
        (8, 8), 8, heads=1, add_self_loops=False, bias=False
    )
    order, relation = model.orders[0], graph.relations[EdgeType("author", "writes", "paper")]
    with torch.no_grad():
        x = {k: F.relu(v) for k, v in model.features(inputs.features).items()}
        left, right = order.left["paper"](x["paper"]), order.right["author"](x["author"])
        gat.lin_src.weight.copy_(torch.eye(8))
        gat.lin_dst.weight.copy_(torch.eye(8))
        gamma = order.attention[0].gamma
        gat.att_src.copy_(gamma * order.attention[0].tail)
        gat.att_dst.copy_(gamma * order.attention[0].head)
        expected = F.relu(gat((right, left), torch.stack(relation.edges())))
    torch.testing.assert_close(hidden(model, inputs), expected)


def test_parallel_edges_count_once(make_graph, make_run):
    graph = make_graph()
    kind = EdgeType("author", "writes", "paper")
    src, dst = graph.relations[kind].edges()
    double = Relation.from_edges(torch.cat([src, src]), torch.cat([dst, dst]), 9, 14)
    other = graph.replace(
        relations={**graph.relations, kind: double, graph.schema.reverse_of(kind): double.transpose}
    )
    model, inputs, _ = make_run(graph)
    twin, moved, _ = make_run(other)
    assert torch.equal(hidden(model, inputs), hidden(twin, moved))


@pytest.mark.parametrize("pooling", ["concat", "mean", "max", "last"])
def test_pooling(make_graph, make_run, pooling):
    model, inputs, _ = make_run(make_graph(), pooling=pooling)
    first, second = (done.hidden["paper"] for done in model.compute(inputs))
    expected = {
        "concat": torch.cat([first, second], 1),
        "mean": (first + second) / 2,
        "max": torch.maximum(first, second),
        "last": second,
    }[pooling]
    torch.testing.assert_close(model.vectors(inputs)["paper"], expected)
    assert model.dim == expected.shape[1]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        PATTERN,
        {"weighting": "pattern", "sample_edges": True},
        {"weighting": "pattern", "carry": "attention", "sample_edges": True, "context": "previous"},
        {"weighting": "pattern", "attention": "linear", "proximity": 1.0, "scope": "all"},
        {"shared_input": False, "inductive": True},
    ],
)
def test_types_without_features_learn_a_vector_per_node(make_graph, make_method, settings):
    model, inputs, task = make_method(make_graph(features=False), **settings)
    model.train()
    batch = next(model.batches(inputs, "train", stage=Stage(), batch_size=100))
    loss = model.training_step(batch, stage=Stage())
    loss.total.backward()
    for name, encoder in model.encoder.embedding.items():
        assert encoder.weight.shape == (task.graph.num_nodes[name], 8)
        assert bool((encoder.weight.grad != 0).any())
    names = "".join(name for name, _ in model.named_parameters())
    assert all(word in names for word in ("bias", "gamma", "embedding"))


def test_nodes_are_learnt_by_heart(random_graph, make_method):
    graph = random_graph(1, num_nodes=50, num_edges=300)
    generator = torch.Generator().manual_seed(0)
    graph = graph.with_features("term", torch.randn(26, 4, generator=generator))
    model, inputs, task = make_method(graph, hidden_dim=32, **CALM)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(40):
        batch = next(model.batches(inputs, "train", stage=Stage(), batch_size=100))
        optimizer.zero_grad()
        loss = model.training_step(batch, stage=Stage()).total
        loss.backward()
        optimizer.step()
    predicted = model.predict(inputs, "train").values.argmax(1)
    assert torch.equal(predicted, task.labels[task.index("train")])
    assert loss.item() < 0.1


@pytest.mark.parametrize("proximity", [0.0, 1.0])
@pytest.mark.parametrize("preset", ["paper", "2021"])
def test_presets_draw_edges_anew_in_training_alone(make_graph, make_method, preset, proximity):
    calm = {**CALM, "edge_threshold": 0.0, "proximity": proximity, "scope": "all"}
    settings = asdict(LATTEConfig.from_preset(preset, hidden_dim=8, **calm))
    model, inputs, _ = make_method(make_graph(), **settings)

    def losses(seed: int) -> list[Tensor]:
        model.train()
        torch.manual_seed(seed)
        batch = next(model.batches(inputs, "train", stage=Stage(), batch_size=100))
        return [model.training_step(batch, stage=Stage()).total.detach() for _ in range(2)]

    first, second = losses(0)
    assert bool(torch.isfinite(first))
    assert not torch.equal(first, second)
    assert torch.equal(losses(0)[0], first)
    encoder, seen = model.encoder, inputs.encoder
    assert torch.equal(hidden(encoder, seen), hidden(encoder, seen))
    with torch.no_grad():
        used = encoder.train().compute(seen)[1].edges
    single = {key: relation.nnz for key, relation in seen.view.relations.items()}
    for relation, edges in used.items():
        assert edges.csr.nnz <= min(single[step] for step in relation.steps)
        assert edges.csr.nnz <= edges.known.nnz


def test_a_threshold_starves_longer_walks(make_graph, make_run):
    """With a threshold above any attention one edge of each meta relation is lengthened."""
    settings = {**PATTERN, "carry": "attention", "edge_threshold": 1.1}
    model, inputs, _ = make_run(make_graph(), **settings)
    with torch.no_grad():
        edges = model.compute(inputs)[1].edges
    assert all(len(set(kept.csr.row_ids.tolist())) <= 1 for kept in edges.values())
