"""The contract of methods: what is checked, saved and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.methods import Loss, Method, offers
from hetgraph.methods.matrix import Offer, matrix_lines
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.registry import models
from hetgraph.seeds import Seeds
from hetgraph.tasks import Origin, Task


def test_a_loss_is_the_sum_of_its_terms() -> None:
    loss = Loss({"a": torch.tensor(1.5).half(), "b": torch.tensor(2.0)}, 3)
    assert loss.total.dtype == torch.float32
    assert float(loss.total) == 3.5


def test_saved_methods_come_back(nodes: Task, tmp_path: Path) -> None:
    method = MLP.for_task(nodes, MLPConfig(hidden_dim=4))
    method.origin = Origin.of(nodes, ["paper"], temperature=1.5)
    method.save(tmp_path / "m")
    loaded = Method.load(tmp_path / "m")
    assert loaded.origin is not None
    assert loaded.origin.to_dict() == method.origin.to_dict()
    tensors = loaded.origin.tensors()
    assert tensors.keys() == method.origin.tensors().keys()
    assert all(torch.equal(tensors[name], x) for name, x in method.origin.tensors().items())
    assert (loaded.name, loaded.config, loaded.spec) == ("mlp", method.config, nodes.spec)
    assert not loaded.training
    for name, weight in method.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, r"holds a model of format 1, expected 2; train again"),
        ({"format": None}, "holds no complete model"),
        ({"spec": None}, "holds no complete model"),
    ],
)
def test_other_formats_are_refused(nodes: Task, tmp_path: Path, change, message: str) -> None:
    MLP.for_task(nodes, MLPConfig(hidden_dim=4)).save(tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    meta = json.loads(file.read_text())
    for key, value in change.items():
        if value is None:
            del meta[key]
        else:
            meta[key] = value
    file.write_text(json.dumps(meta))
    with pytest.raises(FileFormatError, match=message):
        Method.load(tmp_path / "m")


def test_a_folder_without_a_model_is_refused(nodes: Task, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="holds no complete model"):
        Method.load(tmp_path / "nothing")
    MLP.for_task(nodes, MLPConfig(hidden_dim=4)).save(tmp_path / "m")
    meta = json.loads((tmp_path / "m" / "model.json").read_text())
    meta["config"]["hidden_dim"] = 5
    (tmp_path / "m" / "model.json").write_text(json.dumps(meta))
    with pytest.raises(FileFormatError, match="holds no complete model"):
        Method.load(tmp_path / "m")


def test_another_task_is_refused_when_it_is_prepared(nodes: Task, links: Task) -> None:
    method = MLP.for_task(links, MLPConfig(hidden_dim=4))
    with pytest.raises(DataError, match="this mlp was made for another graph: relation to predict"):
        method.prepare(nodes, seeds=Seeds())


def test_a_method_is_for_its_families_alone() -> None:
    higpt = models.get("higpt")
    assert higpt.refuses("link-prediction").startswith("it scores the classes")
    with pytest.raises(ConfigError, match=r"'mlp' has no experts of single graphs"):
        MLP.pretrain(None, None)  # type: ignore[arg-type]


def test_check_family_gives_the_reason(nodes: Task) -> None:
    with pytest.raises(
        ConfigError,
        match="'gph2' is not for node-classification, which toy/nodes is for: it f",
    ):
        models.get("gph2").for_task(nodes, None)


def test_the_matrix_numbers_the_reasons() -> None:
    pairs = [
        Offer("mlp", "x"),
        Offer("mlp", "y", "it is old."),
        Offer("constant", "x", "it is new."),
        Offer("constant", "y", "it is old."),
    ]
    assert matrix_lines(pairs) == (
        "| model | reads | x | y |",
        "|---|---|---|---|",
        "| mlp | node features | yes | (1) |",
        "| constant |  | (2) | (1) |",
        "",
        "1 of 4 pairs are offered. Not offered:",
        "",
        "1. it is old.",
        "2. it is new.",
    )
    every = offers()
    assert len(matrix_lines(every)) > 10
    assert sum(not offer.reason for offer in every) >= 80
