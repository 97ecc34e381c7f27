"""The filtered protocol of link prediction, against ranks that are counted one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from hetgraph.catalog import Dataset, Links
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError, LeakageError
from hetgraph.nn import SimilarityDecoder, make_decoder
from hetgraph.seeds import Seeds
from hetgraph.tasks import LinkPrediction, NodePredictions, PairPredictions, audit, make_task

SIZES = {"a": 9, "b": 12, "c": 7}
AB, BA = EdgeType("a", "ab", "b"), EdgeType("b", "ba", "a")
AGAIN, AA, BC = EdgeType("a", "again", "b"), EdgeType("a", "aa", "a"), EdgeType("b", "bc", "c")
SETS = [(AB,), (AA,), (AB, AGAIN), (AB, AA), (AB, AGAIN, AA, BC)]

Triples = set[tuple[int, int, int]]


def knowledge(*keys: EdgeType, valid: bool = True) -> Dataset:
    """Random relations; three links of each are held out for validation and four for testing."""
    generator = torch.Generator().manual_seed(3)
    relations, parts = {}, {"valid": [], "test": []}
    kinds: dict[str, list[int]] = {"valid": [], "test": []}
    for key in (AB, AGAIN, AA, BC):
        rows, cols = SIZES[key.src], SIZES[key.dst]
        codes = torch.randperm(rows * cols, generator=generator)[:30]
        pairs = torch.stack([codes // cols, codes % cols])
        held = 7 if valid else 4
        if key in keys:
            parts["test"].append(pairs[:, :4])
            parts["valid"].append(pairs[:, 4:held])
            for split in kinds:
                kinds[split] += [keys.index(key)] * parts[split][-1].shape[1]
            pairs = pairs[:, held:]
        relations[key] = Relation.from_edges(*pairs, rows, cols)
    relations[BA] = relations[AB].transpose
    graph = HeteroGraph(num_nodes=SIZES, relations=relations, reverses=[(AB, BA)])
    pairs = {split: torch.cat(given, dim=1) for split, given in parts.items()}
    types = {split: torch.tensor(given) for split, given in kinds.items()}
    several = len(keys) > 1
    links = Links(
        keys,
        pairs["valid"] if valid else None,
        pairs["test"],
        valid_type=types["valid"] if valid and several else None,
        test_type=types["test"] if several else None,
    )
    return Dataset("toy/knowledge", graph, {"default": links})


def made(dataset: Dataset, seed: int = 0, **options: Any) -> LinkPrediction:
    given = {"protocol": "filtered", **options}
    task = make_task(dataset, seeds=Seeds.from_seed(seed), options=given)
    assert isinstance(task, LinkPrediction)
    return task


def triples(pairs: Tensor, kinds: Tensor) -> Triples:
    return set(zip(*pairs.tolist(), kinds.tolist(), strict=True))


def held(task: LinkPrediction, split: str) -> Triples:
    return triples(task._held[split], task._kinds[split])


def predictions(task: LinkPrediction, decoder: SimilarityDecoder, *, ties: bool) -> PairPredictions:
    """Random vectors; with ties, of few small whole numbers, so that many scores are equal."""
    keys, dim = task.spec.edge_types, 4
    generator = torch.Generator().manual_seed(1)

    def draw(rows: int) -> Tensor:
        if ties:
            return torch.randint(-1, 2, (rows, dim), generator=generator).float()
        return torch.randn(rows, dim, generator=generator)

    for parameter in decoder.parameters():
        parameter.data = draw(len(parameter))
    vectors = {name: draw(SIZES[name]) for name in task.spec.ends}
    return PairPredictions(vectors, decoder, tuple((key.src, key.dst) for key in keys))


def score(made_of: PairPredictions, kind: int, src: int, dst: int, decoder: str) -> float:
    """The score of one pair by its formula, in float64."""
    x, y = (made_of.vectors[name] for name in made_of.ends[kind])
    h, t = x[src].double(), y[dst].double()
    if decoder == "dot":
        return float(h @ t)
    w = made_of.decoder.weight[kind].detach().double()  # type: ignore[union-attr,index]
    if decoder == "distmult":
        return float((w * h * t).sum())
    h, t, w = (torch.complex(*v.chunk(2)) for v in (h, t, w))
    return float((w * h * t.conj()).sum().real)


def ranks_one_by_one(
    links: Triples, known: Triples, given: PairPredictions, decoder: str, ties: str
) -> dict[int, list[float]]:
    """Ranks of both ends of each link, by relation: every candidate is looked at by itself."""
    ranks: dict[int, list[float]] = {}
    for src, dst, kind in links:
        own = score(given, kind, src, dst, decoder)
        for side in (0, 1):
            candidates = range(SIZES[given.ends[kind][1 - side]])
            others = [
                pair
                for node in candidates
                if (pair := (src, node) if side == 0 else (node, dst)) != (src, dst)
                and (*pair, kind) not in known
            ]
            scores = [score(given, kind, *pair, decoder) for pair in others]
            better = sum(x > own + 1e-9 for x in scores)
            equal = sum(abs(x - own) <= 1e-9 for x in scores)
            ranks.setdefault(kind, []).append(1 + better + (equal / 2 if ties == "mean" else equal))
    return ranks


def summary(ranks: list[float], hits: tuple[int, ...]) -> dict[str, float]:
    x = torch.tensor(ranks, dtype=torch.float64)
    expected = {"mrr": float((1 / x).mean()), "mean_rank": float(x.mean())}
    return expected | {f"hits@{k}": float((x <= k).double().mean()) for k in hits}


@pytest.mark.parametrize("keys", SETS)
@pytest.mark.parametrize("decoder", ["dot", "distmult", "complex"])
@pytest.mark.parametrize("ties", ["mean", "pessimistic"])
def test_metrics_equal_ranks_that_are_counted_one_by_one(
    keys: tuple[EdgeType, ...], decoder: str, ties: str
) -> None:
    task = made(knowledge(*keys), ties=ties, hits=(1, 3, 5), decoder=decoder)
    given = predictions(task, make_decoder(decoder, 4, len(keys)), ties=True)
    known = triples(task.labels, task.link_kinds) | held(task, "valid") | held(task, "test")
    for split in ("valid", "test"):
        ranks = ranks_one_by_one(held(task, split), known, given, decoder, ties)
        every = summary([rank for own in ranks.values() for rank in own], (1, 3, 5))
        metrics = task.score(given, split)  # type: ignore[arg-type]
        assert metrics == pytest.approx({"loss": 1 - every["mrr"], **every}, abs=1e-6)
        assert tuple(metrics) == task.monitors
        own = task.per_relation(given, split)  # type: ignore[arg-type]
        if len(keys) == 1:
            assert own == {}
            continue
        assert set(own) == {str(key) for key in keys}
        for kind, key in enumerate(keys):
            assert own[str(key)] == pytest.approx(summary(ranks[kind], (1, 3, 5)), abs=1e-6)


def test_without_ties_both_ways_to_rank_are_one() -> None:
    scores = []
    for ties in ("mean", "pessimistic"):
        task = made(knowledge(*SETS[-1]), ties=ties)
        given = predictions(task, make_decoder("complex", 4, 4), ties=False)
        scores.append(task.score(given, "test"))
    assert scores[0] == scores[1]


def test_training_links_are_scored_on_a_few() -> None:
    task = made(knowledge(AB, AA))
    pairs = task.index("train")
    assert pairs.shape == (2, 8)  # as many as are tested
    kinds = task._listed_kinds["train"]
    assert triples(pairs, kinds) <= triples(task.labels, task.link_kinds)
    assert torch.equal(pairs, made(knowledge(AB, AA)).index("train"))
    assert not torch.equal(pairs, made(knowledge(AB, AA), seed=1).index("train"))
    given = predictions(task, make_decoder("distmult", 4, 2), ties=True)
    known = triples(task.labels, task.link_kinds) | held(task, "valid") | held(task, "test")
    ranks = ranks_one_by_one(triples(pairs, kinds), known, given, "distmult", "mean")
    every = summary([rank for own in ranks.values() for rank in own], (1, 3, 10))
    assert task.score(given, "train")["mrr"] == pytest.approx(every["mrr"], abs=1e-6)


@pytest.mark.parametrize("keys", SETS)
def test_validation_links_of_each_relation_are_drawn(keys: tuple[EdgeType, ...]) -> None:
    whole = knowledge(*keys, valid=False)
    task = made(whole, valid_fraction=0.3)
    for position, key in enumerate(keys):
        edges = torch.stack(task.graph.relations[key].edges())
        left = triples(edges, torch.full((edges.shape[1],), position))
        drawn = {triple for triple in held(task, "valid") if triple[2] == position}
        before = torch.stack(whole.graph.relations[key].edges())
        assert drawn
        assert not drawn & left
        assert left | drawn == triples(before, torch.full((before.shape[1],), position))
        assert left == {t for t in triples(task.labels, task.link_kinds) if t[2] == position}
    if AB in keys:
        back = torch.stack(task.graph.relations[BA].edges()).flip(0)
        forth = torch.stack(task.graph.relations[AB].edges())
        assert triples(back, back[0] * 0) == triples(forth, forth[0] * 0)
    assert audit(task).checks
    assert held(task, "valid") != held(made(whole, 1, valid_fraction=0.3), "valid")


@pytest.mark.parametrize("keys", SETS)
@pytest.mark.parametrize("protocol", ["filtered", "sampled"])
@pytest.mark.parametrize("given", [True, False])
def test_the_refit_learns_from_validation_links(
    keys: tuple[EdgeType, ...], protocol: str, given: bool
) -> None:
    if protocol == "sampled" and len(keys) > 1:
        pytest.skip("of one relation only")
    task = made(knowledge(*keys, valid=given), protocol=protocol, negatives="uniform")
    before = triples(task.labels, task.link_kinds)
    view = task.refit_view()
    assert triples(view.labels, view.link_kinds) == before | held(task, "valid")
    assert view.labels.shape[1] == task.labels.shape[1] + task._held["valid"].shape[1]
    assert torch.equal(view.link_kinds, view.link_kinds.sort().values)
    for position, key in enumerate(keys):
        edges = torch.stack(view.graph.relations[key].edges())
        own = {t for t in before | held(task, "valid") if t[2] == position}
        assert triples(edges, torch.full((edges.shape[1],), position)) == own
    if AB in keys:
        back = torch.stack(view.graph.relations[BA].edges()).flip(0)
        forth = torch.stack(view.graph.relations[AB].edges())
        assert triples(back, back[0] * 0) == triples(forth, forth[0] * 0)
    assert triples(task.labels, task.link_kinds) == before
    assert view._held["valid"].shape == (2, 0)
    assert torch.equal(view.index("test"), task.index("test"))
    assert audit(view).checks
    assert view.index("valid").shape[1] == 0
    decoder = make_decoder("dot", 4)
    same = predictions(task, decoder, ties=False)
    assert view.score(same, "test") == task.score(same, "test")


def test_weights_of_edges_are_kept_by_the_refit() -> None:
    dataset = knowledge(AB)
    relation = dataset.graph.relations[AB]
    heavy = relation.with_weight(torch.full((relation.num_edges,), 3.0))
    relations = {**dataset.graph.relations, AB: heavy, BA: heavy.transpose}
    task = made(replace(dataset, graph=dataset.graph.replace(relations=relations)))
    weight = task.refit_view().graph.relations[AB].weight
    assert weight is not None
    assert weight.tolist() == [3.0] * 26  # new links have the mean weight


def test_a_leak_of_the_second_relation_is_found() -> None:
    dataset = knowledge(AB, AA)
    links = dataset.links["default"]
    task = made(dataset)
    test = links.of(AA, "test")
    src, dst = torch.cat([torch.stack(task.graph.relations[AA].edges()), test], dim=1)
    task.graph = task.graph.with_relation(AA, Relation.from_edges(src, dst, 9, 9))
    with pytest.raises(LeakageError, match=r"4 held-out links are edges of \(a -aa> a\)"):
        audit(task)
    assert audit(task.without_test()).checks
    assert links.valid is not None
    assert links.valid_type is not None
    twice = replace(
        links,
        test=torch.cat([links.test, links.valid[:, -1:]], dim=1),
        test_type=torch.cat([links.test_type, links.valid_type[-1:]]),
    )
    with pytest.raises(LeakageError, match="1 test links are validation links, too"):
        audit(made(replace(dataset, targets={"default": twice})))


def test_bad_input_is_told() -> None:
    with pytest.raises(ConfigError, match=r"has 2 relations, .* set task\.protocol=filtered"):
        made(knowledge(AB, AA), protocol="sampled")
    for options, message in (
        ({"num_negatives": 0}, r"task.num_negatives is 0"),
        ({"hits": [0, 1]}, r"task.hits is \[0, 1\]"),
        ({"ties": "optimistic"}, "expected one of 'mean', 'pessimistic'"),
    ):
        with pytest.raises(ConfigError, match=message):
            made(knowledge(AB), **options)
    task = made(knowledge(AB))
    with pytest.raises(DataError, match="NodePredictions, expected PairPredictions"):
        task.score(NodePredictions(torch.zeros(3, 1)), "test")
    given = predictions(task, make_decoder("dot", 4), ties=False)
    given.vectors["a"][2, 1] = torch.nan
    metrics = task.score(given, "test")
    assert set(metrics) == set(task.monitors)
    assert all(value != value for value in metrics.values())
    bare = knowledge(AB)
    lost = bare.graph.without_relation(AB)
    with pytest.raises(DataError, match=r"links of \(a -ab> b\) are held out, but the graph"):
        made(replace(bare, graph=lost))


def test_own_functions_of_the_filtered_protocol() -> None:
    with pytest.raises(ConfigError, match=r"no metric of your own with task\.protocol=filtered"):
        made(knowledge(AB)).with_functions(metrics={"m": torch.add})  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match=r"no loss of your own with task\.loss=softmax"):
        made(knowledge(AB), loss="softmax").with_functions(loss=torch.add)  # type: ignore[arg-type]
    task = made(knowledge(AB)).with_functions(loss=torch.add)  # type: ignore[arg-type]
    assert task.criterion() is torch.add
