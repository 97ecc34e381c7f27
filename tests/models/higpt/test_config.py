from __future__ import annotations

import pytest

from hetgraph.models.higpt import HiGPT, HiGPTConfig
from hetgraph.runs.plan import make_plan


@pytest.mark.parametrize("name", ["hash", "minilm"])
def test_auto_is_recorded_as_the_encoder_that_was_taken(monkeypatch, name):
    monkeypatch.setattr("hetgraph.models.higpt.config.best_encoder", lambda: name)
    assert HiGPTConfig().encoder == HiGPTConfig(encoder="auto").encoder == name
    assert HiGPTConfig(encoder="hash:32").encoder == "hash:32"
    assert make_plan(HiGPT, "tables:folder").settings["model"]["encoder"] == name


@pytest.mark.parametrize("dataset", ["hgb/ACM", "hgb/DBLP", "hgb/IMDB"])
def test_published_settings_name_their_encoder(monkeypatch, dataset):
    monkeypatch.setattr("hetgraph.models.higpt.config.best_encoder", lambda: "minilm")
    assert make_plan(HiGPT, dataset).config.encoder == "hash"
