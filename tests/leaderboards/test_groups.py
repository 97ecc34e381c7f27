from __future__ import annotations

import pytest

from hetgraph.leaderboards.groups import group_records, latest_groups, override_text


def _times(*days: int) -> list[str]:
    return [f"2026-01-{day:02d}T00:00:00+00:00" for day in days]


def test_only_the_seed_may_differ_within_a_group(make_record):
    base = {"config": {"model": {"a": 1}}}
    records = [
        make_record(seed=1, **base),
        make_record(seed=0, **base),
        make_record(seed=0, config={"model": {"a": 2}}),
        make_record(seed=0, version="0.2.0", **base),
        make_record(seed=0, data_sha256="cd" * 32, **base),
        make_record(seed=0, dataset="hgb/ACM", **base),
        make_record(seed=0, model="hgt", **base),
        make_record(seed=0, overrides={"train": {"lr": 0.1}}, **base),
    ]
    groups = group_records(records)
    assert sorted(len(group.records) for group in groups) == [1, 1, 1, 1, 1, 1, 2]
    pair = next(group for group in groups if len(group.records) == 2)
    assert pair.seeds == (0, 1)


def test_the_latest_configuration_is_shown_and_the_others_counted(make_record):
    old, older, new = _times(2, 1, 3)
    records = [
        make_record(seed=0, version="0.2.0", recorded=new, micro=0.9),
        make_record(seed=0, recorded=old),
        make_record(seed=1, recorded=older),
    ]
    (group,) = latest_groups(records)
    assert group.values("test", "micro_f1") == [0.9]
    assert group.others == 2


def test_of_repeated_runs_the_latest_counts(make_record):
    first, second = _times(1, 2)
    records = [
        make_record(seed=0, recorded=second, micro=0.8),
        make_record(seed=0, recorded=first, micro=0.9),
        make_record(seed=1, recorded=first, micro=0.7),
    ]
    (group,) = latest_groups(records)
    assert group.values("test", "micro_f1") == [0.8, 0.7]
    assert group.duplicates == 1
    assert group.others == 0


def test_runs_with_overrides_do_not_replace_plain_ones(make_record):
    records = [make_record(seed=0), make_record(seed=0, overrides={"model": {"hidden": 8}})]
    assert len(latest_groups(records)) == 2


def test_costs_over_the_runs(make_record):
    records = [
        make_record(seed=s, seconds={"fit": 10.0 + s}, peak_memory_bytes=100 * (s + 1))
        for s in range(3)
    ]
    (group,) = group_records(records)
    assert group.mean_seconds("fit") == pytest.approx(11.0)
    assert group.mean_seconds("prepare") is None
    assert group.peak_memory_bytes == 300
    assert group.parameters == 5727777


def test_missing_costs_are_none(make_record):
    (group,) = group_records([make_record(peak_memory_bytes=None, parameters=None)])
    assert group.peak_memory_bytes is None
    assert group.parameters is None


def test_differences_in_the_environment_are_named(make_record):
    records = [
        make_record(seed=s, environment={"torch": f"2.{s}", "cpu": {"cores": 2}}) for s in range(2)
    ]
    (group,) = group_records(records)
    assert group.differing_environment() == ("torch",)


def test_override_text_is_flat_and_sorted():
    assert override_text({"train": {"lr": 0.1}, "model": {"b": 1, "a": 2}}) == (
        "model.a=2, model.b=1, train.lr=0.1"
    )
    assert override_text({}) == ""


def _run(make_record, code: str, seeds: int, day: int, **changes):
    (recorded,) = _times(day)
    return [
        make_record(seed=seed, code=code, recorded=recorded, **changes) for seed in range(seeds)
    ]


def _shown(records, current: str = "new"):
    """Code, number of runs, others, waiting and mark of the only group."""
    (group,) = latest_groups(records, 3, lambda record: record.code.get("total") == current)
    code = group.first.code.get("total", "")
    assert {record.code.get("total", "") for record in group.records} == {code}
    return code, len(group.records), group.others, group.waiting, group.older


def test_the_newest_code_with_enough_runs_is_shown(make_record):
    old = _run(make_record, "", 5, 1)
    assert _shown(old) == ("", 5, 0, 0, True)
    assert _shown([*old, *_run(make_record, "new", 2, 2)]) == ("", 5, 2, 2, True)
    assert _shown([*old, *_run(make_record, "new", 3, 2)]) == ("new", 3, 5, 0, False)
    middle = _run(make_record, "middle", 3, 2)
    few = _run(make_record, "new", 1, 3)
    assert _shown([*few, *middle, *old]) == ("middle", 3, 6, 1, True)


def test_the_newest_code_is_shown_if_none_has_enough_runs(make_record):
    records = [*_run(make_record, "", 2, 1), *_run(make_record, "new", 1, 2)]
    assert _shown(records) == ("new", 1, 2, 0, False)


def test_the_code_at_hand_counts_as_the_newest(make_record):
    """As after a visit to another branch, whose records are the latest ones."""
    records = [*_run(make_record, "new", 3, 1), *_run(make_record, "branch", 4, 2)]
    assert _shown(records) == ("new", 3, 4, 0, False)
    assert _shown(records, "else") == ("branch", 4, 3, 0, True)


def test_older_code_is_not_shown_for_another_configuration(make_record):
    records = [
        *_run(make_record, "", 5, 1),
        *_run(make_record, "new", 1, 2, config={"model": {"hidden": 1}}),
    ]
    assert _shown(records) == ("new", 1, 5, 0, False)


def test_training_once_more_is_another_protocol(make_record):
    refit = {"config": {"train": {"refit": True}}}
    records = [make_record(seed=0), make_record(seed=0, config={"train": {"refit": False}})]
    records += [make_record(seed=0, **refit), make_record(seed=1, **refit)]
    assert sorted((group.refit, len(group.records)) for group in latest_groups(records)) == [
        (False, 1),
        (True, 2),
    ]
