"""From two vectors to what is said of a pair."""

from __future__ import annotations

import pytest
import torch

from hetgraph.errors import ConfigError
from hetgraph.nn import ComplEx, DistMult, Dot, PairMLP, decoders, make_decoder, pair_scores


@pytest.mark.parametrize("count", [0, 1, 40])
def test_scores_and_gradients_equal_gathered_products(count: int) -> None:
    src = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    dst = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    pairs = torch.stack([torch.randint(5, (count,)), torch.randint(7, (count,))])  # with repeats
    weight = torch.randn(count, dtype=torch.float64)
    scores = pair_scores(src, dst, pairs)
    expected = (src[pairs[0]] * dst[pairs[1]]).sum(1)
    torch.testing.assert_close(scores, expected)
    grads = [torch.autograd.grad((x * weight).sum(), (src, dst)) for x in (scores, expected)]
    for own, other in zip(*grads, strict=True):
        torch.testing.assert_close(own, other)


@pytest.fixture
def ends() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eight sources, nine destinations, twenty pairs."""
    pairs = torch.stack([torch.randint(8, (20,)), torch.randint(9, (20,))])
    return torch.randn(8, 6).double(), torch.randn(9, 6).double(), pairs


def complex_scores(src, dst, weight):
    """``Re sum_k w_k s_k conj(d_k)``, Trouillon et al., eq. 11."""
    number = [torch.complex(*x.chunk(2, dim=-1)) for x in (src, dst, weight)]
    return (number[2] * number[0] * number[1].conj()).sum(-1).real


def test_the_inner_product_knows_no_relation(ends) -> None:
    src, dst, pairs = ends
    expected = (src @ dst.T)[pairs[0], pairs[1]]
    torch.testing.assert_close(Dot()(src, dst, pairs), expected)
    torch.testing.assert_close(Dot()(src, dst, pairs, torch.arange(20) % 3), expected)
    assert Dot().query(src, 2, "src") is src


def test_distmult_weighs_dimensions_by_relation(ends) -> None:
    src, dst, pairs = ends
    decoder = DistMult(6, 3).double()
    kinds = torch.arange(20) % 3
    expected = torch.einsum("nd,nd,nd->n", src[pairs[0]], decoder.weight[kinds], dst[pairs[1]])
    torch.testing.assert_close(decoder(src, dst, pairs, kinds), expected)
    for relation in range(3):
        forth = decoder.query(src, relation) @ dst.T
        torch.testing.assert_close(decoder.query(dst, relation, "src") @ src.T, forth.T)
        back = decoder(dst, src, pairs.flip(0), torch.full((20,), relation))
        torch.testing.assert_close(back, forth[pairs[0], pairs[1]])  # symmetric


def test_distmult_begins_as_an_inner_product_of_one_relation() -> None:
    assert torch.equal(DistMult(4).weight, torch.ones(1, 4))
    several = DistMult(200, 3).weight.detach()
    assert not torch.equal(several[0], several[1])
    assert abs(float(several.mean()) - 1) < 0.02
    assert abs(float(several.std()) - 0.1) < 0.02


def test_complex_is_the_real_part_of_the_trilinear_product(ends) -> None:
    src, dst, pairs = ends
    decoder = ComplEx(6, 2).double()
    kinds = torch.arange(20) % 2
    expected = complex_scores(src[pairs[0]], dst[pairs[1]], decoder.weight[kinds])
    torch.testing.assert_close(decoder(src, dst, pairs, kinds), expected)
    for relation in range(2):
        table = complex_scores(src[:, None], dst[None], decoder.weight[relation])
        torch.testing.assert_close(decoder.query(src, relation) @ dst.T, table)
        torch.testing.assert_close(decoder.query(dst, relation, "src") @ src.T, table.T)
        alone = ComplEx(6).double()
        alone.load_state_dict({"weight": decoder.weight[relation : relation + 1]})
        torch.testing.assert_close(alone(src, dst, pairs), table[pairs[0], pairs[1]])


def test_complex_tells_a_pair_from_its_reverse_by_the_imaginary_part(ends) -> None:
    x = ends[0]
    decoder = ComplEx(6).double()
    real, imaginary = decoder.weight.detach().chunk(2, dim=-1)
    for kept, sign in ((torch.cat([real, 0 * real], -1), 1), (torch.cat([0 * real, real], -1), -1)):
        decoder.weight.data = kept
        table = decoder.query(x) @ x.T
        torch.testing.assert_close(table, sign * table.T)  # symmetric, antisymmetric
    decoder.weight.data = torch.cat([real, imaginary], -1)
    assert not torch.allclose(decoder.query(x) @ x.T, (decoder.query(x) @ x.T).T)


def test_decoders_by_name() -> None:
    assert isinstance(make_decoder("dot", 4), Dot)
    assert make_decoder("distmult", 4, 3).weight.shape == (3, 4)
    assert isinstance(make_decoder("complex", 4), ComplEx)
    with pytest.raises(ConfigError, match="unknown decoder 'transe'; expected 'dot'"):
        make_decoder("transe", 4)
    with pytest.raises(ConfigError, match="even number of dimensions, not 5"):
        make_decoder("complex", 5)


def test_the_network_of_pairs_is_its_formula_in_blocks_too(ends, monkeypatch) -> None:
    src, dst, pairs = ends
    decoder = PairMLP(6, 3, dropout=0.5).double().eval()
    x, y = src[pairs[0]], dst[pairs[1]]
    hidden = x @ decoder.src.weight.T + y @ decoder.dst.weight.T + (x * y) @ decoder.both.weight.T
    hidden = (hidden + decoder.src.bias).clamp(min=0)
    torch.testing.assert_close(decoder.hidden(src, dst, pairs), hidden)
    expected = hidden @ decoder.out.weight.T + decoder.out.bias
    whole = decoder(src, dst, pairs)
    torch.testing.assert_close(whole, expected)
    monkeypatch.setattr(decoders, "_BLOCK", 7)
    sizes = []
    monkeypatch.setattr(
        decoder,
        "hidden",
        lambda s, d, p: sizes.append(p.shape[1]) or PairMLP.hidden(decoder, s, d, p),
    )
    with torch.no_grad():
        torch.testing.assert_close(decoder(src, dst, pairs), expected)
        assert decoder(src, dst, pairs[:, :0]).shape == (0, 3)
    assert sizes == [7, 7, 6, 0]
    sizes.clear()
    assert decoder(src, dst, pairs).requires_grad
    assert sizes == [20]
    assert not torch.equal(decoder.train()(src, dst, pairs), whole)  # dropout


@pytest.mark.parametrize("kind", [DistMult, ComplEx])
def test_reciprocal_relations_ask_about_sources_as_about_destinations(kind, ends) -> None:
    src, dst, pairs = ends
    decoder, forth, back = kind(6, 3, reciprocal=True), kind(6, 3), kind(6, 3)
    assert decoder.weight.shape == (6, 6)
    forth.load_state_dict({"weight": decoder.weight[:3]})
    back.load_state_dict({"weight": decoder.weight[3:]})
    kinds = torch.arange(8) % 3
    src, dst = src.float(), dst.float()
    torch.testing.assert_close(decoder.query(src, kinds), forth.query(src, kinds))
    torch.testing.assert_close(decoder.query(src, kinds, "src"), back.query(src, kinds))
    torch.testing.assert_close(decoder.query(src, 2, "src"), back.query(src, 2))
    kinds = torch.arange(20) % 3
    torch.testing.assert_close(decoder(src, dst, pairs, kinds), forth(src, dst, pairs, kinds))


def test_weights_of_both_directions_begin_apart() -> None:
    first, second = DistMult(64, 1, reciprocal=True).weight.detach()
    assert not torch.equal(first, second)


def test_reciprocal_relations_need_vectors_of_relations() -> None:
    assert make_decoder("complex", 4, 2, reciprocal=True).weight.shape == (4, 4)
    with pytest.raises(ConfigError, match="dot has no vectors of relations"):
        make_decoder("dot", 4, 2, reciprocal=True)


@pytest.mark.parametrize("reciprocal", [False, True])
def test_penalties_are_sums_of_cubes(ends, *, reciprocal: bool) -> None:
    src, dst, _ = ends
    dst, kinds = dst[:8], torch.arange(8) % 3
    torch.testing.assert_close(Dot().penalty(src, dst), (src.abs() ** 3 + dst.abs() ** 3).sum(1))
    plain = DistMult(6, 3, reciprocal=reciprocal).double()
    paired = ComplEx(6, 3, reciprocal=reciprocal).double()

    def cubes(x: torch.Tensor, *, moduli: bool) -> torch.Tensor:
        return ((torch.complex(*x.chunk(2, 1)) if moduli else x).abs() ** 3).sum(1)

    for decoder, moduli in ((plain, False), (paired, True)):
        weights = [decoder.weight[kinds + 3 * side] for side in range(1 + reciprocal)]
        relation = sum(cubes(weight, moduli=moduli) for weight in weights) / len(weights)
        expected = cubes(src, moduli=moduli) + cubes(dst, moduli=moduli) + relation
        torch.testing.assert_close(decoder.penalty(src, dst, kinds), expected)


def test_the_penalty_of_a_zero_vector_has_a_gradient() -> None:
    x = torch.zeros(1, 4, requires_grad=True)
    ComplEx(4).penalty(x, x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0] * 4]
