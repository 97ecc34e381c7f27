import torch

from hetgraph.tasks.splits import draw_split, hold_out


def test_strata_keep_their_shares() -> None:
    strata = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    kept, held = hold_out(torch.arange(100), 0.2, torch.Generator().manual_seed(0), strata)
    assert torch.bincount(strata[held]).tolist() == [14, 4, 2]
    assert torch.cat([kept, held]).sort().values.tolist() == list(range(100))


def test_rounding_never_empties_a_side() -> None:
    generator = torch.Generator().manual_seed(0)
    assert [part.numel() for part in hold_out(torch.arange(3), 0.01, generator)] == [2, 1]
    assert [part.numel() for part in hold_out(torch.arange(3), 0.99, generator)] == [1, 2]


def test_draw_split_partitions() -> None:
    split = draw_split(torch.arange(50) * 2, 0.6, 0.2, torch.Generator().manual_seed(0))
    assert split.valid is not None
    sizes = [split.train.numel(), split.valid.numel(), split.test.numel()]
    assert sizes == [24, 6, 20]
    together = torch.cat([split.train, split.valid, split.test])
    assert together.sort().values.tolist() == list(range(0, 100, 2))
