"""Stages beside the classifier: interrupted and resumed, and the same from the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hetgraph.catalog import Dataset
from hetgraph.models.higpt import LanguageConfig
from hetgraph.tasks import make_task

SHORT = str(Path(__file__).with_name("short.yaml"))
TINY = LanguageConfig(
    model="tiny", templates=SHORT, max_length=2000, fanouts=(3,), max_nodes=5, pairs=16
)

STAGES: Mapping[str, Mapping[str, Any]] = {
    "tokenizer": {"stage": "tokenizer", "grounding_batch": 16},
    "matching": {"stage": "matching", "language": TINY},
    "instructions": {"stage": "instructions", "language": TINY},
}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, text_dataset: Dataset, contract_of: Callable) -> Any:
    """The contract of a stage."""
    if request.param != "tokenizer":
        pytest.importorskip("transformers", reason="the extra llm is not installed")
    return contract_of(
        lambda seeds: make_task(text_dataset, seeds=seeds),
        settings={"higpt": STAGES[request.param]},
    )


def test_interrupted_and_resumed_is_the_same(stage: Any, tmp_path: Path) -> None:
    stage.check_resuming("higpt", tmp_path, stop_at=3)


def test_same_seed_same_result(stage: Any) -> None:
    weights, others = stage.check_seeds("higpt")
    assert any((weights[key] != others[key]).any() for key in weights)


def test_an_empty_part_of_a_batch(stage: Any) -> None:
    stage.check_empty_batch("higpt")
