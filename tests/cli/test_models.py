from __future__ import annotations

import re
from collections.abc import Callable

from hetgraph.registry import models


def test_list_has_every_model_with_its_citation(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("models")
    assert code == 0
    for name in models.names():
        assert f"│ {name} " in out
    assert "rphgnn" in models.names()


def test_one_shows_card_and_settings(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("models", "rphgnn")
    assert code == 0
    assert "RpHGNN" in out
    assert "model.iterations" in out


def test_one_shows_its_own_training_settings(hetgraph: Callable, monkeypatch) -> None:
    monkeypatch.setattr(models.get("rphgnn"), "train_defaults", {"weight_decay": 0.0625})
    _, out, _ = hetgraph("models", "rphgnn")
    assert re.search(r"train.weight_decay *│ 0.0625", out)


def test_a_misspelt_one_is_suggested(hetgraph: Callable) -> None:
    code, _, err = hetgraph("models", "rphgn")
    assert (code, err) == (2, "hetgraph: error: unknown model 'rphgn'. Did you mean 'rphgnn'?\n")
