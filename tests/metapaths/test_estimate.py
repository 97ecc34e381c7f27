import math

import pytest
import torch

from hetgraph.data import CSR
from hetgraph.metapaths.estimate import (
    MAX_LABELS,
    distinct_entries,
    label_count,
    path_counts,
    reach_sizes,
)


def random_csr(rows: int, cols: int, entries: int, seed: int) -> CSR:
    generator = torch.Generator().manual_seed(seed)
    r = torch.randint(max(rows - 1, 1), (entries,), generator=generator)
    c = torch.randint(cols, (entries,), generator=generator)
    return CSR.from_coo(r, c, (rows, cols))


def dense_chain(factors: list[CSR]) -> list[torch.Tensor]:
    products = [factors[0].to_dense(torch.float64)]
    for factor in factors[1:]:
        products.append(factor.to_dense(torch.float64) @ products[-1])
    return products


@pytest.fixture
def chain() -> list[CSR]:
    sizes = [300, 200, 40, 250]
    return [random_csr(sizes[i + 1], sizes[i], 900, seed=i) for i in range(3)]


def test_path_counts_are_exact(chain):
    for length in (1, 2, 3):
        expected = dense_chain(chain[:length])[-1].sum(dim=1)
        assert torch.equal(path_counts(chain[:length]), expected)


def test_row_sizes_are_close_for_every_prefix(chain):
    for actual, product in zip(reach_sizes(chain, 4000), dense_chain(chain), strict=True):
        exact = (product > 0).sum(dim=1).double()
        assert torch.equal(actual == 0, exact == 0)
        filled = exact > 0
        # Five standard deviations of 1 / sqrt(k).
        assert (actual[filled] / exact[filled] - 1).abs().max() < 5 / math.sqrt(4000)


def test_estimate_is_unbiased_with_the_stated_std():
    factors = [random_csr(30, 50, 120, seed=1), random_csr(40, 30, 90, seed=2)]
    exact = (dense_chain(factors)[-1] > 0).sum().item()
    labels, runs = 66, 200
    totals = torch.tensor(
        [reach_sizes(factors, labels, seed)[-1].sum().item() for seed in range(runs)]
    )
    promised = 1 / math.sqrt(labels - 2)
    assert abs(totals.mean() / exact - 1) < 4 * promised / math.sqrt(runs)
    assert totals.std() / exact < promised


def test_identical_rows_reach_the_promised_error():
    everywhere = CSR.from_dense(torch.ones(20, 100))
    totals = torch.tensor(
        [reach_sizes([everywhere], 27, seed)[0].sum().item() for seed in range(400)]
    )
    assert 0.8 * 0.2 < totals.std() / 2000 < 1.2 * 0.2


def test_same_seed_same_estimate(chain):
    assert torch.equal(reach_sizes(chain, 50, 3)[-1], reach_sizes(chain, 50, 3)[-1])
    assert not torch.equal(reach_sizes(chain, 50, 3)[-1], reach_sizes(chain, 50, 4)[-1])


def test_labels_in_chunks_are_the_same_estimate(chain, monkeypatch):
    whole = reach_sizes(chain, 64)
    monkeypatch.setattr("hetgraph.metapaths.estimate._CHUNK_BYTES", 4 * 300 * 7)
    suffix = reach_sizes(chain, 64)
    exact = (dense_chain(chain)[-1] > 0).sum().item()
    assert suffix[-1].sum().item() == pytest.approx(exact, rel=0.3)
    assert suffix[-1].sum().item() != whole[-1].sum().item()  # other draws, same law


def test_empty_matrices():
    empty = CSR.from_coo(torch.tensor([], dtype=torch.long), torch.tensor([]).long(), (4, 3))
    after = random_csr(5, 4, 6, seed=0)
    assert reach_sizes([empty, after], 8)[1].tolist() == [0.0] * 5
    assert path_counts([empty, after]).tolist() == [0.0] * 5
    nothing = CSR.from_coo(torch.tensor([]).long(), torch.tensor([]).long(), (0, 3))
    assert reach_sizes([nothing], 8)[0].shape == (0,)
    assert distinct_entries(empty) == 0


def test_distinct_entries_counts_parallel_ones_once():
    csr = CSR.from_coo(torch.tensor([0, 0, 1, 1, 0]), torch.tensor([2, 2, 2, 0, 2]), (2, 3))
    assert distinct_entries(csr) == 3


def test_label_count_follows_the_work():
    small, large = random_csr(10, 10, 20, seed=0), random_csr(1000, 1000, 400_000, seed=0)
    assert label_count([small]) == MAX_LABELS
    assert label_count([large] * 2) == 250
    assert label_count([large] * 1000) == 32


def test_few_labels_have_no_bias():
    """The mean over many draws is the size; ``labels / total`` would be a quarter too high."""
    factor = random_csr(40, 60, 500, seed=3)
    exact = (factor.to_dense() > 0).sum(1).double()
    draws = [reach_sizes([factor], 5, seed=seed)[0] for seed in range(1500)]
    mean = torch.stack(draws).mean(0)
    torch.testing.assert_close(mean.sum(), exact.sum(), rtol=0.03, atol=0)


def test_equal_columns_of_neighbouring_rows_are_distinct_entries():
    """The last entry of a row and the first of the next are not parallel."""
    rows, cols = torch.tensor([0, 0, 1, 1, 3, 3, 3]), torch.tensor([1, 2, 2, 2, 2, 4, 4])
    assert distinct_entries(CSR.from_coo(rows, cols, (5, 6))) == 5
