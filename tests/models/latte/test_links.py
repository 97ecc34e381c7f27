from __future__ import annotations

import itertools

import pytest
import torch

from hetgraph.data import CSR
from hetgraph.models.latte.links import (
    Link,
    attended,
    compose,
    log_range,
    pattern_of,
    select,
    weigh_walks,
    weighted_pattern_of,
)


def dense_compose(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """``A D^-1 B`` with counts, written out."""
    count = (left != 0).sum(0) + (right != 0).sum(1)
    return left.double() @ torch.diag(1 / count.clamp(min=1).double()) @ right.double()


def test_compose_is_the_scaled_product(binary):
    left, right = binary(6, 5), binary(5, 7, seed=1)
    product = compose(left, right)
    expected = dense_compose(left.to_dense(), right.to_dense())
    torch.testing.assert_close(product.to_dense(torch.float64), expected, atol=1e-6, rtol=0)
    assert torch.equal(product.to_dense() > 0, left.to_dense() @ right.to_dense() > 0)


def test_values_are_carried_on(binary):
    one, two, three = binary(6, 5), binary(5, 7, seed=1), binary(7, 4, seed=2)
    product = compose(compose(one, two), three)
    expected = dense_compose(
        dense_compose(one.to_dense(), two.to_dense()), three.to_dense().double()
    )
    torch.testing.assert_close(product.to_dense(torch.float64), expected, atol=1e-6, rtol=0)


def test_value_degrees_sum_both_sides(binary):
    left = binary(6, 5).with_weight(torch.rand(binary(6, 5).nnz))
    right = binary(5, 7, seed=1)
    total = left.to_dense().sum(0) + right.to_dense().sum(1)
    expected = left.to_dense() @ torch.diag(1 / total) @ right.to_dense()
    torch.testing.assert_close(compose(left, right, "value").to_dense(), expected)


def test_round_trip_sums_to_half_the_degree(binary):
    relation = binary(8, 6)
    product = compose(relation, relation.transpose).to_dense()
    torch.testing.assert_close(product.sum(1), relation.degree / 2)


def test_pattern_merges_parallel_edges_and_drops_weights():
    matrix = CSR.from_coo(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), (3, 2), torch.rand(3))
    merged = pattern_of(matrix)
    assert merged.weight is None
    assert merged.to_dense().tolist() == [[0, 1], [1, 0], [0, 0]]


@pytest.mark.parametrize("seed", range(6))
def test_single_walks_are_told_from_the_degrees(seed, binary):
    """Whatever is said to have single walks has them."""
    chain = [binary(5, 6, 0.2, seed), binary(6, 4, 0.2, seed + 10), binary(4, 7, 0.2, seed + 20)]
    for length in (2, 3):
        link = Link(tuple(chain[:length]))
        count = chain[0].to_dense()
        for factor in chain[1:length]:
            count = count @ factor.to_dense()
        assert torch.equal(link.walks, count.sum(1).double())
        assert torch.equal(link.reached, count.sum(1) > 0)
        if link.has_single_walks:
            assert count.max() <= 1


def test_one_subject_a_paper_has_single_walks():
    subject = CSR.from_coo(torch.arange(6), torch.tensor([0, 0, 1, 1, 2, 0]), (6, 3))
    assert Link((subject, subject.transpose)).has_single_walks
    assert Link((subject.transpose, subject)).has_single_walks is False
    authors = CSR.from_coo(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]), (6, 2))
    assert Link((authors, authors.transpose)).has_single_walks is False


def test_empty_relations_have_no_walks():
    empty = CSR.from_coo(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long), (4, 0))
    link = Link((empty, empty.transpose))
    assert link.is_empty
    assert link.has_single_walks
    assert compose(empty, empty.transpose).nnz == 0


def test_a_draw_is_a_subset_of_the_cap_and_repeats_with_its_seed(binary):
    product = compose(binary(12, 9), binary(9, 12, seed=1))
    link = Link((product,), product.weight, 20)

    def draw(seed: int) -> CSR:
        return link.sampled(torch.Generator().manual_seed(seed)).csr

    one = draw(0)
    one.validate()
    assert one.nnz == 20
    full = product.to_dense()
    assert bool((full[one.to_dense() > 0] > 0).all())
    value = link.sampled(torch.Generator().manual_seed(0)).value
    assert torch.equal(value, full[one.row_ids, one.indices.long()])
    assert torch.equal(one.indices, draw(0).indices)
    assert not torch.equal(one.to_dense(), draw(1).to_dense())
    assert Link((product,), product.weight, product.nnz).sampled().csr is product


def test_draws_are_in_proportion_to_value_without_replacement():
    """Against the exact chance that an edge is among the first two of a draw one by one."""
    value = torch.tensor([4.0, 2.0, 1.0, 1.0])
    csr = CSR.from_coo(torch.arange(4), torch.arange(4), (4, 4), value)
    link, generator = Link((csr,), value, 2), torch.Generator().manual_seed(0)
    hits = torch.zeros(4)
    for _ in range(4000):
        hits[link.sampled(generator).csr.indices.long()] += 1
    chance = torch.zeros(4)
    fraction = value / value.sum()
    for first, second in itertools.permutations(range(4), 2):
        both = fraction[first] * fraction[second] / (1 - fraction[first])
        chance[[first, second]] += both
    torch.testing.assert_close(hits / 4000, chance, atol=0.03, rtol=0)


def test_weights_have_mean_one_and_parallel_ones_are_added():
    rows, cols = torch.tensor([0, 0, 1, 2]), torch.tensor([1, 1, 0, 0])
    matrix = CSR.from_coo(rows, cols, (3, 2), torch.tensor([1.0, 2.0, 9.0, 0.0]))
    edges = weighted_pattern_of(matrix, "r")
    assert edges.to_dense().tolist() == [[0, 0.5], [1.5, 0], [0, 0]]
    assert edges.nnz == 2  # the edge of weight 0 is gone
    for weight in (None, torch.ones(4)):
        plain = weighted_pattern_of(matrix.with_weight(weight), "r")
        assert plain.weight is None
        assert torch.equal(plain.indices, pattern_of(matrix).indices)
    far = matrix.with_weight(torch.tensor([1.0, 0.0, 1e-300, 0.0], dtype=torch.float64))
    assert bool((weighted_pattern_of(far, "r").weight > 0).all())  # float32 holds no 1e-300
    nothing = weighted_pattern_of(matrix.with_weight(torch.zeros(4)), "r")
    assert (nothing.nnz, nothing.weight) == (0, None)


def test_the_range_of_weights_bounds_that_of_their_products(binary):
    left, right = binary(6, 5), binary(5, 7, seed=1)
    assert log_range((left, right)) == 0.0
    left = left.with_weight(torch.rand(left.nnz) + 0.1)
    right = right.with_weight(torch.rand(right.nnz) + 0.1)
    walks = left.to_dense()[:, :, None] * right.to_dense()[None]
    walks = walks[walks > 0].log()
    assert log_range((left, right)) >= float(walks.max() - walks.min()) > 0
    assert log_range((left,)) == pytest.approx(float((left.weight.max() / left.weight.min()).log()))


@pytest.mark.parametrize(
    "settings",
    [
        {"weighting": "walks"},
        {"weighting": "pattern"},
        {"weighting": "pattern", "factorize": False},
        {"weighting": "pattern", "sample_edges": True},
    ],
)
def test_every_link_knows_the_range_of_its_weights(make_graph, make_run, settings):
    """Also a draw from its edges, and a copy on a device; beyond it exponentials would vanish."""
    _, inputs, _ = make_run(make_graph(weighted=True), num_orders=2, **settings)
    view = inputs.view.to(torch.device("cpu"))
    for links in view.links:
        for relation, link in links.items():
            expected = log_range(tuple(view.relations[step] for step in relation.steps))
            assert link.log_range == expected > 0
            assert link.sampled().log_range == expected


def test_weak_edges_are_not_lengthened(binary):
    csr = binary(5, 4)
    weight = torch.linspace(0, 1, csr.nnz)
    kept = select(csr.with_weight(weight), attended(weight, 0.5))
    kept.validate()
    assert kept.nnz == int((weight >= 0.5).sum())
    assert bool((kept.weight >= 0.5).all())
    strongest = select(csr.with_weight(weight), attended(weight, 2.0))
    assert strongest.nnz == 1
    assert strongest.weight.tolist() == [1.0]


def test_walks_through_hubs_weigh_less(binary):
    left, right = binary(6, 5), binary(5, 7, seed=1)
    weighed = weigh_walks((left, right))
    product = weighed[0].to_dense() @ weighed[1].to_dense()
    torch.testing.assert_close(product, compose(left, right).to_dense())


def test_longer_chains_count_the_walks_that_arrive():
    """One subject a paper: the walks are the composed edges, so the weights are theirs too."""
    subject = CSR.from_coo(torch.arange(6), torch.tensor([0, 0, 1, 1, 2, 0]), (6, 3))
    chain = (subject, subject.transpose, subject)
    product = torch.eye(6)
    for factor in weigh_walks(chain):
        product = product @ factor.to_dense()
    count = subject.to_dense() @ subject.to_dense().T
    expected = torch.zeros(6, 3)
    for i in range(6):
        for k in range(6):
            middle = subject.to_dense()[i].argmax()
            if count[i, k]:
                size = subject.transpose.degree[middle]
                first = 1 / (2 * size)
                second = 1 / (size + 1)
                expected[i, middle] += first * second
    torch.testing.assert_close(product, expected)
