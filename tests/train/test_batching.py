from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch

from hetgraph.errors import ConfigError
from hetgraph.sampling import row_batches
from hetgraph.train.batches import estimated_batches, grouped


def _order(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_row_once_and_the_last_batch_is_kept():
    batches = list(row_batches(10, 4, generator=_order()))
    assert [batch.numel() for batch in batches] == [4, 4, 2]
    assert torch.cat(batches).sort().values.tolist() == list(range(10))
    assert torch.cat(batches).tolist() != list(range(10))


def test_order_depends_on_the_generator_alone():
    one = torch.cat(list(row_batches(50, 7, generator=_order(1))))
    torch.rand(3)
    assert torch.equal(one, torch.cat(list(row_batches(50, 7, generator=_order(1)))))
    assert not torch.equal(one, torch.cat(list(row_batches(50, 7, generator=_order(2)))))


def test_without_a_generator_the_order_is_kept():
    ids = torch.tensor([7, 3, 9])
    assert torch.cat(list(row_batches(ids, 2))).tolist() == [7, 3, 9]
    assert torch.cat(list(row_batches(3, 2))).tolist() == [0, 1, 2]
    shuffled = torch.cat(list(row_batches(ids, 2, generator=_order())))
    assert sorted(shuffled.tolist()) == [3, 7, 9]


@pytest.mark.parametrize("world", [2, 3, 5])
def test_shards_of_a_batch_make_the_batch(world):
    # 13 rows in batches of 6: the last one has 1 row, fewer than there are processes.
    whole = list(row_batches(13, 6, generator=_order()))
    shards = [
        list(row_batches(13, 6, generator=_order(), shard=(rank, world))) for rank in range(world)
    ]
    assert {len(shard) for shard in shards} == {3}
    for batch, parts in zip(whole, zip(*shards, strict=True), strict=True):
        assert torch.equal(torch.cat(parts), batch)
        sizes = [part.numel() for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_no_rows_no_batches():
    assert list(row_batches(0, 4, generator=_order())) == []


def test_groups_are_lazy_and_the_last_is_shorter():
    assert list(grouped(range(5), 2)) == [[0, 1], [2, 3], [4]]
    endless = grouped(itertools.count(), 3)
    assert next(endless) == [0, 1, 2]


def test_a_batch_needs_a_row() -> None:
    with pytest.raises(ConfigError, match="batch_size is 0"):
        next(row_batches(5, 0))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"train": 41}, 5),
        ({"train": {"links": 25, "negatives": 7}}, 3),
        ({"train": 0}, 4),
        ({}, 4),
    ],
)
def test_batches_are_estimated_by_the_training_targets(sizes, expected):
    protocol = {"sizes": sizes} if sizes else {}
    task = SimpleNamespace(protocol=protocol, index=lambda split: torch.zeros(2, 31))
    assert estimated_batches(task, 10) == expected
