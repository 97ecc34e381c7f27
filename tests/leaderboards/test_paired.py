from __future__ import annotations

import pytest
from scipy import stats

from hetgraph.leaderboards.groups import Group
from hetgraph.leaderboards.paired import paired_test


@pytest.fixture
def group(make_record):
    def build(values: dict[int, float]) -> Group:
        return Group(tuple(make_record(seed=seed, micro=value) for seed, value in values.items()))

    return build


def test_it_is_the_paired_t_test_over_common_seeds(group):
    ours, theirs = [0.8, 0.7, 0.9, 0.6], [0.7, 0.72, 0.75, 0.58]
    first = group({**dict(enumerate(ours)), 9: 0.1})
    test = paired_test(first, group(dict(enumerate(theirs))), "test", "micro_f1")
    expected = stats.ttest_rel(ours, theirs)
    assert test.pairs == 4
    assert test.difference == pytest.approx(sum(ours) / 4 - sum(theirs) / 4)
    assert test.p == pytest.approx(expected.pvalue)
    assert test.difference / test.error == pytest.approx(expected.statistic)


def test_runs_of_one_task_count_once(group):
    ours = {0: 0.8, 1: 0.7, 2: 0.6, 3: 0.9, 4: 0.5, 5: 0.7}
    theirs = dict.fromkeys(ours, 0.5)
    test = paired_test(group(ours), group(theirs), "test", "micro_f1", period=3)
    by_task = [0.85, 0.6, 0.65]
    assert test.pairs == 3
    assert test.p == pytest.approx(stats.ttest_rel(by_task, [0.5] * 3).pvalue)


def test_equal_differences_and_lonely_pairs(group):
    first, other = group({0: 0.75, 1: 0.5}), group({0: 0.5, 1: 0.25})
    assert paired_test(first, first, "test", "micro_f1").p == 1
    assert paired_test(first, other, "test", "micro_f1").p == 0
    assert paired_test(first, group({1: 0.6}), "test", "micro_f1") is None
    assert paired_test(first, other, "test", "auc") is None
