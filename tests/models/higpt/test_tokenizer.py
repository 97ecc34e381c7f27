"""The tokenizer against a loop over edges, and what must not change its result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hetgraph.data import CSR, EdgeType
from hetgraph.errors import ConfigError
from hetgraph.models.higpt.descriptions import TypeVectors
from hetgraph.models.higpt.generator import FullGenerator
from hetgraph.models.higpt.tokenizer import Tokenizer, TokenizerShape

Toy = tuple[dict[str, Tensor], dict[EdgeType, CSR], TypeVectors]
Make = Callable[..., Tokenizer]


def run(tokenizer: Tokenizer, toy: Toy, **options: Any) -> dict[str, Tensor]:
    x, relations, types = toy
    return tokenizer(x, relations, tokenizer.weights(types), **options)


def by_loop(tokenizer: Tokenizer, toy: Toy) -> dict[str, Tensor]:
    """Section 3.3 of the method edge by edge, for one layer."""
    x, relations, types = toy
    layer, shape = tokenizer.layers[0], tokenizer.shape
    made = tokenizer.weights(types)[0]
    heads, width = shape.num_heads, shape.dim // shape.num_heads
    kqv = {t: (x[t] @ made.kqv[t][0] + made.kqv[t][1]).view(-1, 3, heads, width) for t in x}
    out = {}
    for name, own in x.items():
        rows = []
        for v in range(len(own)):
            scores, values = [], []
            for key, relation in relations.items():
                if key.dst != name:
                    continue
                for u in relation.indices[relation.indptr[v] : relation.indptr[v + 1]].tolist():
                    k, _, value = kqv[key.src][u]
                    q = kqv[name][v, 1]
                    mapped = k @ made.key[key][0] + made.key[key][1]
                    sent = value @ made.value[key][0] + made.value[key][1]
                    if shape.compat == "released":
                        keep = (torch.arange(heads) == 0).double().unsqueeze(1)
                        mapped, sent = mapped * keep, sent * keep
                    scores.append(made.prior[key] * (q * mapped).sum(1) / math.sqrt(width))
                    values.append(sent)
            z = torch.zeros(heads, width, dtype=own.dtype)
            if scores:
                weight = torch.stack(scores).softmax(0).unsqueeze(-1)
                z = (weight * torch.stack(values)).sum(0)
            rows.append(z.flatten())
        z = torch.stack(rows)
        z = F.gelu(z) if layer.activation == "gelu" else z
        new = z @ made.out[name][0] + made.out[name][1]
        gate = made.gate[name]
        mixed = gate * new + (1 - gate) * own if layer.gate is not None else own + new
        out[name] = mixed if layer.norm is None else layer.norm(mixed)
    return out


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"generator": "full"},
        {"compat": "released"},
        {"norm": False, "gate": False, "activation": "identity"},
        {"num_heads": 1},
    ],
)
def test_a_loop_over_edges_gives_the_same(
    toy: Toy, shape: TokenizerShape, make: Make, options: Mapping[str, Any]
) -> None:
    tokenizer = make(replace(shape, **options))
    fast, slow = run(tokenizer, toy), by_loop(tokenizer, toy)
    for name in slow:
        torch.testing.assert_close(fast[name], slow[name], atol=1e-9, rtol=0)
    parameters = list(tokenizer.parameters())
    weigh = {name: torch.randn_like(one) for name, one in slow.items()}
    grads = [
        torch.autograd.grad(sum((out[n] * weigh[n]).sum() for n in out), parameters)
        for out in (fast, slow)
    ]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


def test_parameters_are_counted_as_published() -> None:
    with torch.device("meta"):
        full = Tokenizer(TokenizerShape(768, 768, 768, 12, generator="full"))
        small = Tokenizer(TokenizerShape(384, 128, 128, 4, generator="full"))
    assert sum(parameter.numel() for parameter in full.parameters()) == 916_271_501
    layer = full.layers[0]
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in (
        ("kqv", layer.kqv), ("out", layer.out), ("key", layer.key), ("value", layer.value)
    )}  # fmt: skip
    assert {name: round(size / 1e5) / 10 for name, size in sizes.items()} == {
        "kqv": 683.0,
        "out": 228.3,
        "key": 2.5,
        "value": 2.5,
    }
    assert round(sum(parameter.numel() for parameter in small.parameters()) / 1e5) / 10 == 14.0


def test_states_of_the_generator_have_the_released_names() -> None:
    names = set(FullGenerator(4, 2, 3).state_dict())
    places = ("0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias")
    kinds = ("weight_generator", "bias_generator")
    assert names == {f"{kind}.{place}" for kind in kinds for place in places}


def test_names_and_orders_of_types_do_not_matter(
    toy: Toy, shape: TokenizerShape, make: Make
) -> None:
    x, relations, types = toy
    tokenizer = make(shape)
    here = run(tokenizer, toy)
    new = {"author": "z.w", "paper": "a b", "term": "__"}
    keys = {k: EdgeType(new[k.src], f"{k.name}!", new[k.dst]) for k in relations}
    renamed = (
        {new[k]: v for k, v in x.items()},
        {keys[k]: v for k, v in relations.items()},
        TypeVectors(
            {new[k]: v for k, v in types.nodes.items()},
            {keys[k]: v for k, v in types.edges.items()},
        ),
    )
    there = run(tokenizer, renamed)
    assert all(torch.equal(here[k], there[new[k]]) for k in x)
    turned = (
        dict(reversed(x.items())),
        dict(reversed(relations.items())),
        TypeVectors(dict(reversed(types.nodes.items())), dict(reversed(types.edges.items()))),
    )
    for name, value in run(tokenizer, turned).items():
        torch.testing.assert_close(value, here[name])


def test_parameters_serve_a_schema_never_seen(shape: TokenizerShape, make: Make) -> None:
    tokenizer = make(shape)
    key = EdgeType("gene", "in", "disease")
    x = {"gene": torch.randn(3, 8).double(), "disease": torch.randn(2, 8).double()}
    relation = CSR.from_coo(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2]), (2, 3))
    types = TypeVectors({n: torch.randn(10).double() for n in x}, {key: torch.randn(10).double()})
    toy = (x, {key: relation}, types)
    for name, value in by_loop(tokenizer, toy).items():
        torch.testing.assert_close(run(tokenizer, toy)[name], value, atol=1e-9, rtol=0)


def test_equal_descriptions_are_one_type(toy: Toy, shape: TokenizerShape, make: Make) -> None:
    """Two relations with one description are one relation with the edges of both."""
    x, relations, types = toy
    tokenizer = make(shape)
    key, twin = EdgeType("paper", "cites", "paper"), EdgeType("paper", "quotes", "paper")
    dst, src = relations[key].coo()
    halves = {
        key: CSR.from_coo(dst[:7], src[:7], relations[key].shape),
        twin: CSR.from_coo(dst[7:], src[7:], relations[key].shape),
    }
    split = (
        x,
        {**relations, **halves},
        TypeVectors(types.nodes, {**types.edges, twin: types.edges[key]}),
    )
    made = tokenizer.weights(split[2])[0]
    torch.testing.assert_close(made.key[key][0], made.key[twin][0])
    for name, value in run(tokenizer, toy).items():
        torch.testing.assert_close(run(tokenizer, split)[name], value)


def test_attention_sums_to_one_over_all_relations(
    toy: Toy, shape: TokenizerShape, make: Make
) -> None:
    fractions: list[dict[EdgeType, Tensor]] = []
    tokenizer = make(shape)
    run(tokenizer, toy, fractions=fractions)
    total = sum(part for key, part in fractions[0].items() if key.dst == "paper")
    relations = toy[1]
    receives = sum(relations[k].degree for k in relations if k.dst == "paper") > 0
    torch.testing.assert_close(total, receives.double().unsqueeze(1).expand(-1, 2))


def test_doubled_edges_and_empty_relations_change_nothing(
    toy: Toy, shape: TokenizerShape, make: Make
) -> None:
    x, relations, types = toy
    tokenizer = make(shape)
    here = run(tokenizer, toy)
    doubled = {}
    for key, one in relations.items():
        dst, src = one.coo()
        doubled[key] = CSR.from_coo(dst.repeat(2), src.repeat(2), one.shape)
    for name, value in run(tokenizer, (x, doubled, types)).items():
        torch.testing.assert_close(value, here[name])
    key = EdgeType("term", "of", "paper")
    none = torch.zeros(0, dtype=torch.int64)
    empty = CSR.from_coo(none, none, (8, 4))
    described = TypeVectors(types.nodes, {**types.edges, key: torch.ones(10).double()})
    more = (x, {**relations, key: empty}, described)
    for name, value in run(tokenizer, more).items():
        assert torch.equal(value, here[name])


def test_without_layers_a_token_is_the_vector_of_its_node(toy: Toy) -> None:
    x, relations, types = toy
    same = Tokenizer(TokenizerShape(10, 8, 8, 2, num_layers=0))
    assert not list(same.parameters())
    actual = same(x, relations, same.weights(types))
    assert all(torch.equal(actual[name], x[name]) for name in x)
    mapped = Tokenizer(TokenizerShape(10, 8, 6, 2, num_layers=0)).double()
    assert mapped(x, relations, [])["paper"].shape == (8, 6)


def test_isolated_nodes_and_empty_types(toy: Toy, shape: TokenizerShape, make: Make) -> None:
    x, relations, types = toy
    tokenizer = make(shape)
    made = tokenizer.weights(types)[0]
    last = {name: value[-1] for name, value in run(tokenizer, toy).items()}
    for name, value in last.items():
        gate, (_, bias) = made.gate[name], made.out[name]
        expected = tokenizer.layers[0].norm(gate * bias + (1 - gate) * x[name][-1])
        torch.testing.assert_close(value, expected)
    none = {name: value[:0] for name, value in x.items()}
    flat = torch.zeros(0, dtype=torch.int64)
    no_edges = {key: CSR.from_coo(flat, flat, (0, 0)) for key in relations}
    assert {
        k: tuple(v.shape) for k, v in run(tokenizer, (none, no_edges, types)).items()
    } == dict.fromkeys(x, (0, 8))


def test_rows_are_normalised(toy: Toy, shape: TokenizerShape) -> None:
    torch.manual_seed(0)
    for value in run(Tokenizer(shape).double(), toy).values():
        torch.testing.assert_close(
            value.mean(1), torch.zeros(len(value)).double(), atol=1e-6, rtol=0
        )
        torch.testing.assert_close(
            value.var(1, correction=0), torch.ones(len(value)).double(), atol=1e-3, rtol=0
        )


def test_a_disjoint_union_is_both_parts(toy: Toy, shape: TokenizerShape, make: Make) -> None:
    x, relations, types = toy
    tokenizer = make(shape)
    both = {name: torch.cat([value, value.flip(0)]) for name, value in x.items()}
    joined = {}
    for key, one in relations.items():
        dst, src = one.coo()
        rows, cols = one.shape
        flipped = rows + (rows - 1 - dst), cols + (cols - 1 - src)
        joined[key] = CSR.from_coo(
            torch.cat([dst, flipped[0]]), torch.cat([src, flipped[1]]), (2 * rows, 2 * cols)
        )
    single, union = run(tokenizer, toy), run(tokenizer, (both, joined, types))
    for name, value in single.items():
        torch.testing.assert_close(union[name], torch.cat([value, value.flip(0)]))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="multiple of the 3 heads"):
        TokenizerShape(4, 4, 8, 3)


def test_types_differ_from_the_start() -> None:
    """The published start hardly tells types apart; the low-rank one does."""
    torch.manual_seed(0)
    types = F.normalize(torch.randn(4, 64), dim=1)
    std = {}
    for kind in ("full", "low-rank"):
        layer = Tokenizer(TokenizerShape(64, 32, 32, 2, generator=kind)).layers[0]
        weight = layer.kqv(types)[0].detach()
        centred = weight - weight.mean(0)
        std[kind] = float(centred.norm() / weight.norm())
    assert std["full"] < 0.15 < 0.3 < std["low-rank"]
