"""The choice of where to project."""

from __future__ import annotations

from hetgraph.models.rphgnn.points import Walk, cheapest_points


def test_a_wide_message_is_projected_where_it_has_the_fewest_rows():
    walk = Walk(rows=[14_000, 4_000, 14_000], edges=[20_000, 20_000], dim=4000)
    assert cheapest_points(walk, {2: 4000}) == {2: 1}
    assert cheapest_points(walk, {1: 300}) == {1: 1}


def test_a_stored_message_is_projected_where_it_is_stored_unless_that_has_more_rows():
    # 250,000 edges of another product cost more than the rows they would save.
    walk = Walk(rows=[3000, 1900, 3000], edges=[250_000] * 2, dim=1900, collected=2)
    assert cheapest_points(walk, {2: 1900}) == {2: 2}
    few = Walk(rows=[3000, 50, 3000], edges=[3000] * 2, dim=1900, collected=2)
    assert cheapest_points(few, {2: 1900}) == {2: 1}


def test_narrowing_projections_happen_before_the_first_hop():
    walk = Walk(rows=[1_000_000, 700_000], edges=[7_000_000], dim=512)
    assert cheapest_points(walk, {1: 128}) == {1: 0}
    assert cheapest_points(Walk([700_000, 1_000_000], [7_000_000], 128), {1: 512}) == {1: 1}


def test_very_sparse_features_are_projected_at_once():
    sparse = Walk(
        rows=[14_000, 4_000, 14_000], edges=[20_000] * 2, dim=4000, nnz=50_000, sparse_hops=1
    )
    dense = Walk(rows=[14_000, 4_000, 14_000], edges=[20_000] * 2, dim=4000)
    dims = {2: 4000}
    assert sparse.cost({2: 0}, dims) < dense.cost({2: 1}, dims) / 3
    assert cheapest_points(sparse, dims) in ({2: 0}, {2: 1})


def test_choice_is_never_worse_than_projecting_on_arrival():
    for rows in ([10, 1000, 10], [1000, 10, 1000], [100, 100, 100]):
        for edges in ([50, 50], [5000, 5000]):
            walk = Walk(rows=rows, edges=edges, dim=64)
            chosen = cheapest_points(walk, {1: 32, 2: 64})
            assert walk.cost(chosen, {1: 32, 2: 64}) <= walk.cost({1: 1, 2: 2}, {1: 32, 2: 64})
