"""Metrics of free answers, and paired comparisons."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import binomtest

from hetgraph.models.higpt.evaluation import free_text_metrics, hard_auc, paired, parse_answer

AREAS = ["database", "data mining", "data"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Database.", 0),
        ("Unlike data mining, it is about queries.\nAnswer: database", 0),
        ("Answer: database. Reason: unlike data mining ...", 0),
        ("Final Answer: DATA MINING", 1),
        ("It is not database but data mining", 1),
        ("data", 2),
        ("Answer: none. I think of database", 0),
        ("no idea", None),
    ],
)
def test_answers_are_found(text: str, label: int | None) -> None:
    assert parse_answer(text, AREAS) == label


def test_constant_answers_have_the_published_scores() -> None:
    """271 of 1,000 authors in one of four areas: the rows of a model that says one class."""
    target = torch.tensor([0] * 271 + [1] * 243 + [2] * 243 + [3] * 243)
    actual = free_text_metrics(["ai"] * 1000, target, ["ai", "x y", "z", "w"])
    assert actual["micro_f1"] == pytest.approx(0.2710)
    assert round(actual["macro_f1"], 4) == 0.1066
    assert actual["auc_hard"] == 0.5
    assert actual["parse_rate"] == 1.0


def test_what_names_no_class_is_wrong_and_counted() -> None:
    target = torch.tensor([0, 0, 1, 2])
    actual = free_text_metrics(["database", "?", "data mining", "data"], target, AREAS)
    assert actual["parse_rate"] == 0.75
    assert actual["accuracy"] == 0.75
    assert actual["macro_f1"] == pytest.approx((2 / 3 + 1 + 1) / 3)


def test_hard_area_is_the_mean_of_both_rates() -> None:
    target, predicted = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1])
    assert hard_auc(predicted, target, 2) == pytest.approx(0.75)
    assert hard_auc(predicted, torch.zeros(4, dtype=torch.int64), 2) == 0.5


def test_pairs_are_compared_by_where_they_differ() -> None:
    first = torch.tensor([True] * 9 + [False] * 3 + [True] * 8)
    second = torch.tensor([False] * 9 + [True] * 3 + [True] * 8)
    actual = paired({"all": first, "none": second}, ("all", "none"))
    assert (actual.only_first, actual.only_second) == (9, 3)
    assert actual.p_value == pytest.approx(binomtest(9, 12).pvalue)
    assert actual.accuracy == {"all": pytest.approx(0.85), "none": pytest.approx(0.55)}
    low, high = actual.interval
    assert low < 0.3 < high
    same = paired({"all": first, "none": first}, ("all", "none"))
    assert (same.p_value, same.interval) == (1.0, (0.0, 0.0))
