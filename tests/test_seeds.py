import torch

from hetgraph.seeds import Seeds, keyed_seed


def test_streams_differ_by_kind_and_key_and_repeat() -> None:
    seeds = Seeds.from_seed(3)
    keys = {seeds.key(kind, part) for kind in ("split", "init", "sampling") for part in (0, 1)}
    assert len(keys) == 6
    assert Seeds.from_seed(3).key("split", 0) in keys
    one, two = (torch.rand(4, generator=seeds.generator("init", "x")) for _ in range(2))
    assert torch.equal(one, two)


def test_keyed_seed_is_stable_and_separates_its_arguments() -> None:
    assert keyed_seed("a", 1) == 6861350103018950465
    assert keyed_seed("a", 1) != keyed_seed("a1")
    assert keyed_seed("ab", "c") != keyed_seed("a", "bc")
