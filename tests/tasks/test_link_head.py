"""The head of link prediction: negatives, and both losses."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError
from hetgraph.methods import EncoderMethod, GraphInputs, MethodInputs, Stage, WholeGraphEncoder
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

HEARS, LIKES = EdgeType("user", "hears", "artist"), EdgeType("user", "likes", "artist")
KNOWS = EdgeType("user", "knows", "user")
USERS, ARTISTS = 8, 11


class Tables(WholeGraphEncoder):
    """A learned vector for each node, nothing else."""

    name: ClassVar[str] = "tables"
    Config: ClassVar[type[Any]] = dict

    def __init__(self, schema, spec, config) -> None:
        super().__init__(schema, spec, config)
        self.dim = 4
        self.all_nodes = config.get("all_nodes", True)
        sizes = spec.num_nodes
        self.table = nn.ParameterDict({name: torch.randn(n, 4) for name, n in sizes.items()})

    def vectors(self, inputs: GraphInputs) -> dict[str, Tensor]:
        """The tables."""
        return dict(self.table.items())


def dataset(*keys: EdgeType) -> Dataset:
    """Eight users, eleven artists, three relations; a pair of each is held out for testing."""
    generator = torch.Generator().manual_seed(1)
    sizes = {"user": USERS, "artist": ARTISTS}
    relations = {}
    for key in (HEARS, LIKES, KNOWS):
        chosen = torch.rand(USERS, sizes[key.dst] - 1, generator=generator).argsort(1)[:, :4]
        src, dst = torch.arange(USERS).repeat_interleave(4), chosen.flatten()
        relations[key] = Relation.from_edges(src, dst, USERS, sizes[key.dst])
    graph = HeteroGraph(num_nodes=sizes, relations=relations)
    last = [sizes[key.dst] - 1 for key in keys]  # linked to nobody in the graph
    test = torch.tensor([list(range(len(keys))), last])
    kinds = torch.arange(len(keys)) if len(keys) > 1 else None
    return Dataset("toy/radio", graph, Links(keys, None, test, test_type=kinds))


def build(*keys: EdgeType, all_nodes: bool = True, **options: Any) -> tuple[Any, Task, Any]:
    protocol = "sampled" if len(keys) == 1 else "filtered"
    given = {"protocol": protocol, "negatives": "uniform", "valid_fraction": 0.3, **options}
    task = make_task(dataset(*keys), options=given)
    method = Tables.for_task(task, {"all_nodes": all_nodes})
    assert isinstance(method, EncoderMethod)
    inputs = method.prepare(task, seeds=Seeds())
    return method, task, inputs


def first_batch(method: EncoderMethod, inputs: MethodInputs, size: int = 999, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    made = method.batches(inputs, "train", stage=Stage(), batch_size=size, generator=generator)
    return next(iter(made))


def triples(pairs: Tensor, kinds: Tensor) -> set[tuple[int, int, int]]:
    return set(zip(*pairs.tolist(), kinds.tolist(), strict=True))


@pytest.mark.parametrize("all_nodes", [True, False])
@pytest.mark.parametrize("decoder", ["dot", "distmult", "complex"])
def test_the_loss_is_that_of_the_task_on_links_and_negatives(decoder: str, all_nodes: bool) -> None:
    method, task, inputs = build(HEARS, decoder=decoder, all_nodes=all_nodes)
    for parameter in method.head.decoder.parameters():
        nn.init.uniform_(parameter)
    batch = first_batch(method, inputs)
    samples = batch.samples
    seeds = {name: torch.arange(n) if batch.seeds[name] is None else batch.seeds[name]
             for name, n in task.graph.num_nodes.items()}  # fmt: skip
    users = method.encoder.table["user"][seeds["user"]]
    artists = method.encoder.table["artist"][seeds["artist"]]
    pairs = torch.cat([samples.pairs, samples.negatives], dim=1)
    logits = (method.head.decoder.query(users)[pairs[0]] * artists[pairs[1]]).sum(1)
    target = (torch.arange(len(logits)) < samples.count).float()
    loss = method.training_step(batch, stage=Stage())
    torch.testing.assert_close(loss.total, task.criterion()(logits, target))
    assert loss.count == task.labels.shape[1]
    links = torch.stack([seeds["user"][samples.pairs[0]], seeds["artist"][samples.pairs[1]]])
    assert triples(links, links[0] * 0) == triples(task.labels, task.labels[0] * 0)


def test_negatives_are_drawn_anew_in_every_epoch() -> None:
    method, task, inputs = build(HEARS)
    epochs = []
    for seed in (0, 1):
        generator = torch.Generator().manual_seed(seed)
        made = method.batches(inputs, "train", stage=Stage(), batch_size=4, generator=generator)
        epochs.append(torch.cat([batch.samples.negatives for batch in made], dim=1))
    ordered = [drawn[:, (drawn[0] * ARTISTS + drawn[1]).argsort()] for drawn in epochs]
    assert not torch.equal(*ordered)
    assert torch.equal(ordered[0][0].sort().values, task.labels[0].sort().values)


@pytest.mark.parametrize("keys", [(HEARS,), (KNOWS,), (HEARS, LIKES), (HEARS, KNOWS)])
@pytest.mark.parametrize(("corrupt", "sides"), [("dst", (0,)), ("both", (0, 1))])
def test_negatives_are_no_links_of_their_relation(keys, corrupt: str, sides) -> None:
    method, task, inputs = build(*keys, num_negatives=3, corrupt=corrupt)
    batch = first_batch(method, inputs)
    samples, count = batch.samples, batch.samples.count
    assert samples.negatives.shape[1] == 3 * len(sides) * count
    offset = dict.fromkeys(task.spec.ends, 0)
    if len(keys) > 1:  # ids of all ends together
        start = 0
        for name in task.spec.ends:
            offset[name], start = start, start + task.graph.num_nodes[name]
    kinds = torch.zeros(count).long() if samples.kinds is None else samples.kinds
    shift = torch.tensor([[offset[k.src] for k in keys], [offset[k.dst] for k in keys]])
    positive = samples.pairs - shift[:, kinds]
    known = triples(task.labels, task.link_kinds)
    assert triples(positive, kinds) == known
    blocks = (samples.negatives.reshape(2, -1, count) - shift[:, kinds][:, None]).unbind(1)
    assert len({str(block.tolist()) for block in blocks}) == len(blocks)
    for number, block in enumerate(blocks):
        side = sides[number % len(sides)]
        assert torch.equal(block[side], positive[side])
        assert not triples(block, kinds) & known
        for position, key in enumerate(keys):
            own = block[:, kinds == position]
            assert int(own[1].max()) < task.graph.num_nodes[key.dst]
            assert int(own.min()) >= 0
            if key.src == key.dst:
                assert not bool((own[0] == own[1]).any())


@pytest.mark.parametrize("decoder", ["dot", "distmult", "complex"])
def test_binary_loss_of_several_relations(decoder: str) -> None:
    keys = (HEARS, KNOWS)
    method, task, inputs = build(*keys, decoder=decoder, num_negatives=2, corrupt="both")
    batch = first_batch(method, inputs)
    samples = batch.samples
    joined = torch.cat([method.encoder.table[name] for name in ("user", "artist")]).detach()
    assert task.spec.ends == ("user", "artist")
    pairs = torch.cat([samples.pairs, samples.negatives], dim=1)
    kinds = samples.kinds.repeat(5)
    scores = [
        (method.head.decoder.query(joined[[src]], kind) * joined[dst]).sum()
        for (src, dst), kind in zip(pairs.T.tolist(), kinds.tolist(), strict=True)
    ]
    target = (torch.arange(len(scores)) < samples.count).float()
    expected = F.binary_cross_entropy_with_logits(torch.stack(scores), target)
    torch.testing.assert_close(method.training_step(batch, stage=Stage()).total, expected)


@pytest.mark.parametrize("keys", [(HEARS,), (HEARS, LIKES), (HEARS, KNOWS)])
@pytest.mark.parametrize("decoder", ["dot", "distmult", "complex"])
def test_softmax_is_a_cross_entropy_over_all_candidates(keys, decoder: str) -> None:
    method, task, inputs = build(*keys, decoder=decoder, loss="softmax")
    batch = first_batch(method, inputs, size=13)
    assert batch.samples.negatives is None
    loss = method.training_step(batch, stage=Stage())
    assert loss.count == 13
    order = torch.randperm(task.labels.shape[1], generator=torch.Generator().manual_seed(0))[:13]
    total = torch.zeros(())
    for (src, dst), kind in zip(
        task.labels[:, order].T.tolist(), task.link_kinds[order].tolist(), strict=True
    ):
        key = keys[kind]
        xs, ys = method.encoder.table[key.src], method.encoder.table[key.dst]
        table = method.head.decoder.query(xs, kind) @ ys.T  # source by destination
        total = total - table[src].log_softmax(0)[dst] - table[:, dst].log_softmax(0)[src]
    torch.testing.assert_close(loss.total, total / 26)


@pytest.mark.parametrize("keys", [(HEARS,), (KNOWS,), (HEARS, LIKES), (HEARS, KNOWS)])
@pytest.mark.parametrize("all_nodes", [True, False])
@pytest.mark.parametrize("reciprocal", [True, False])
def test_all_candidates_drawn_are_all_candidates(
    keys, *, all_nodes: bool, reciprocal: bool
) -> None:
    """The same loss whether all nodes are encoded, or those of the links and the drawn ones."""
    given: dict[str, Any] = {"loss": "softmax", "decoder": "complex", "reciprocal": reciprocal}
    losses = []
    for candidates in (0, 99):
        method, _, inputs = build(*keys, all_nodes=all_nodes, candidates=candidates, **given)
        for seed, parameter in enumerate(method.parameters()):
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(seed))
        batch = first_batch(method, inputs, size=13)
        named = candidates and not all_nodes
        assert all((ids is not None) == bool(named) for ids in batch.seeds.values())
        losses.append(method.training_step(batch, stage=Stage()).total)
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("keys", [(HEARS,), (KNOWS,), (HEARS, KNOWS)])
def test_some_drawn_candidates_stand_for_all_nodes(keys) -> None:
    """The number of nodes counts, not that of the encoded ones."""
    losses = []
    for all_nodes in (True, False):
        method, _, inputs = build(*keys, all_nodes=all_nodes, loss="softmax", candidates=3)
        for seed, parameter in enumerate(method.parameters()):
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(seed))
        batch = first_batch(method, inputs, size=2)
        losses.append(method.training_step(batch, stage=Stage()).total)
    torch.testing.assert_close(*losses)


def test_candidates_are_drawn_for_each_batch_and_fewer_nodes_are_encoded() -> None:
    method, _, inputs = build(HEARS, all_nodes=False, loss="softmax", candidates=2)
    generator = torch.Generator().manual_seed(0)
    made = list(method.batches(inputs, "train", stage=Stage(), batch_size=3, generator=generator))
    drawn = []
    for batch in made:
        seeds, samples = batch.seeds, batch.samples
        assert {name: len(rows) for name, rows in samples.candidates.items()} == {
            "user": 2,
            "artist": 2,
        }
        assert len(seeds["artist"]) <= 5
        drawn.append(seeds["artist"][samples.candidates["artist"]].sort().values.tolist())
    assert len(set(map(tuple, drawn))) > 1
    links = [
        torch.stack([b.seeds["user"][b.samples.pairs[0]], b.seeds["artist"][b.samples.pairs[1]]])
        for b in made
    ]
    both = torch.cat(links, dim=1)
    assert triples(both, both[0] * 0) == triples(inputs.head.links, inputs.head.kinds)


def test_the_penalty_is_a_term_of_its_own() -> None:
    method, task, inputs = build(HEARS, KNOWS, loss="softmax", decoder="complex", n3=0.5)
    loss = method.training_step(first_batch(method, inputs), stage=Stage())
    assert set(loss.terms) == {"task", "n3"}
    tables, total = method.encoder.table, 0.0
    for kind, key in enumerate((HEARS, KNOWS)):
        src, dst = task.labels[:, task.link_kinds == kind]
        ends = (tables[key.src][src], tables[key.dst][dst])
        total += float(method.head.decoder.penalty(*ends, kind).sum().detach())
    assert float(loss.terms["n3"].detach()) == pytest.approx(
        0.5 * total / task.labels.shape[1], rel=1e-5
    )


def test_options_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"task\.candidates is 5, expected 0 for all"):
        build(HEARS, candidates=5)
    with pytest.raises(ConfigError, match=r"task\.n3 is -1\.0, expected 0 or more"):
        build(HEARS, n3=-1.0)
    with pytest.raises(ConfigError, match="dot has no vectors of relations"):
        build(HEARS, decoder="dot", reciprocal=True)


@pytest.mark.parametrize(
    "options", [{}, {"loss": "softmax"}, {"loss": "softmax", "candidates": 3, "n3": 0.1}]
)
def test_an_empty_batch_has_no_loss_but_a_gradient(options) -> None:
    method, _, inputs = build(HEARS, KNOWS, **options)
    made = method.batches(inputs, "train", stage=Stage(), batch_size=999, shard=(998, 999))
    (batch,) = made
    loss = method.training_step(batch, stage=Stage())
    assert (loss.count, loss.total.item()) == (0, 0.0)
    loss.total.backward()
    assert all(p.grad is not None and not bool(p.grad.any()) for p in method.parameters())


def test_an_own_loss_is_learned_by() -> None:
    method, task, _ = build(HEARS, num_negatives=2)
    own = task.with_functions(loss=lambda scores, target: scores.new_tensor(len(target)))
    batch = first_batch(method, method.prepare(own, seeds=Seeds()))
    assert float(method.training_step(batch, stage=Stage()).total) == 3 * batch.samples.count
