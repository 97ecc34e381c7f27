"""Experts in the cache folder, and which of them a target gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError
from hetgraph.models.gph2 import ExpertConfig, GPH2Config, bank
from hetgraph.models.gph2.bank import get_expert
from hetgraph.models.gph2.sources import choose_sources
from hetgraph.models.gph2.store import list_experts
from hetgraph.nn import metapath_requests
from hetgraph.tasks import Task, make_task

SHORT = ExpertConfig(dim=8, epochs=3)
ALL = ("toy/one", "toy/papers", "toy/another", "toy/more")


def few(dataset: Dataset) -> Task:
    return make_task(dataset, options={"shots": 2}, family="few-shot")


def test_an_expert_is_trained_once(
    toys: dict[str, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    card, tensors = get_expert(toys["toy/papers"], SHORT, progress=False)
    assert (card.epochs, card.homogeneous, card.views) == (3, False, ("PAP",))
    assert card.graph_sha256 == toys["toy/papers"].graph.content_hash
    assert float(tensors["norm.num_batches_tracked"]) > 0
    monkeypatch.setattr(bank, "Trainer", None)  # a second training would fail
    again, same = get_expert(toys["toy/papers"], SHORT)
    assert again == card
    assert all(torch.equal(same[name], one) for name, one in tensors.items())
    for changed in (replace(SHORT, seed=1), replace(SHORT, metapaths=("paper-author-paper",))):
        with pytest.raises(TypeError):
            get_expert(toys["toy/papers"], changed)


def test_a_graph_without_customary_paths_has_its_short_round_trips(
    toys: dict[str, Dataset],
) -> None:
    plain = replace(toys["toy/papers"], metapaths={})
    card, _ = get_expert(plain, SHORT, progress=False)
    assert card.views == metapath_requests(plain.graph.schema, "paper", ())
    assert card.views == tuple(card.config["metapaths"])  # what makes another folder of it


def test_one_graph_more_trains_one_expert_more(toys: dict[str, Dataset]) -> None:
    get_expert(toys["toy/papers"], SHORT, progress=False)
    (before,) = list_experts()
    stamp = (before / "encoder.safetensors").stat().st_mtime_ns
    get_expert(toys["toy/one"], SHORT, progress=False)
    assert [card.source for card in list_experts().values()] == ["toy/one", "toy/papers"]
    assert (before / "encoder.safetensors").stat().st_mtime_ns == stamp


def test_weights_follow_from_the_seed(
    toys: dict[str, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for folder in ("one", "other"):
        monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / folder))
        torch.manual_seed(len(made))
        made.append(get_expert(toys["toy/papers"], SHORT, progress=False)[1])
    assert all(torch.equal(made[1][name], one) for name, one in made[0].items())
    untrained, start = get_expert(toys["toy/papers"], replace(SHORT, epochs=0), progress=False)
    assert (untrained.epochs, untrained.best_epoch) == (0, None)
    assert not torch.equal(made[0]["linear.weight"], start["linear.weight"])


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("mixed", ["toy/papers", "toy/another", "toy/more"]),
        ("same-kind", ["toy/another"]),
        ("balanced", ["toy/papers", "toy/another"]),
    ],
)
def test_presets_never_hold_the_target(
    preset: Any, expected: list[str], toys: dict[str, Dataset]
) -> None:
    actual = choose_sources(GPH2Config(ALL, preset), few(toys["toy/one"]))
    assert [dataset.name for dataset in actual] == expected
    copy = replace(toys["toy/one"], name="heco:copy")  # the same graph by another name
    assert [
        dataset.name for dataset in choose_sources(GPH2Config(ALL, preset), few(copy))
    ] == expected


def test_without_names_the_kept_experts_are_the_sources(toys: dict[str, Dataset]) -> None:
    task = few(toys["toy/one"])
    with pytest.raises(ConfigError, match="no source is left for toy/one"):
        choose_sources(GPH2Config(), task)
    for name in ("toy/more", "toy/one"):
        get_expert(toys[name], SHORT, progress=False)
    actual = choose_sources(GPH2Config(preset="mixed"), task)
    assert [dataset.name for dataset in actual] == ["toy/more"]
    with pytest.raises(ConfigError, match="besides the target: toy/more"):
        choose_sources(GPH2Config(preset="balanced"), task)
