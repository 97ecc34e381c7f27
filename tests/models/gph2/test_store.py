"""Experts on disk: whole, listed, and told apart from damaged ones."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from hetgraph.errors import FileFormatError
from hetgraph.models.gph2.store import (
    ExpertCard,
    expert_folder,
    list_experts,
    load_expert,
    save_expert,
)

CARD = ExpertCard(
    model="gph2",
    source="toy/one",
    target="paper",
    homogeneous=False,
    views=("PAP", "PSP"),
    num_nodes=5,
    graph_sha256="0" * 64,
    config={"dim": 8, "metapaths": []},
    schema={},
    epochs=3,
    best_epoch=None,
    loss=0.5,
    seconds=1.0,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))


def test_what_is_saved_is_loaded_and_listed(tmp_path: Path) -> None:
    assert list_experts() == {}
    folder = expert_folder("heco:/some/where", "ab" * 32)
    assert folder == tmp_path / "experts" / "heco--some-where-abababababababab"
    weight = torch.randn(2, 3)
    save_expert(folder, CARD, {"weight": weight})
    card, tensors = load_expert(folder)
    assert card == CARD
    assert torch.equal(tensors["weight"], weight)
    assert list_experts() == {folder: CARD}
    assert {path.name for path in folder.iterdir()} == {"expert.json", "encoder.safetensors"}


def test_a_damaged_one_is_told_and_not_listed(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = (expert_folder("toy/one", digit * 64) for digit in "12")
    for folder in (good, bad):
        save_expert(folder, CARD, {"weight": torch.zeros(1)})
    (bad / "expert.json").write_text('{"format": 1, "model": "gph2"}')
    with caplog.at_level(logging.WARNING):
        assert list(list_experts()) == [good]
    assert str(bad) in caplog.text
    with pytest.raises(FileFormatError, match="holds no expert"):
        load_expert(bad)
