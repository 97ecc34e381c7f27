"""A tokenizer of one graph as the start on another, and texts in the inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError
from hetgraph.models.higpt import HiGPT, HiGPTConfig, LanguageConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import make_task
from hetgraph.train import TrainConfig, Trainer


@pytest.fixture
def unseen() -> Dataset:
    """Types that no other test has."""
    key = EdgeType("gene", "causes", "disease")
    relation = Relation.from_edges(torch.arange(12), torch.arange(12) % 5, 12, 5)
    back = EdgeType("disease", "caused_by", "gene")
    graph = HeteroGraph(
        num_nodes={"gene": 12, "disease": 5},
        relations={key: relation, back: relation.transpose},
        text={"gene": [f"gene {i}" for i in range(12)]},
        reverses=[(key, back)],
    )
    ids = torch.arange(12)
    split = Split(ids[:6], ids[6:8], ids[8:])
    return Dataset("toy/unseen", graph, Labels("gene", 2, ids, ids % 2), {"default": split})


def test_a_tokenizer_moves_to_types_it_never_saw(
    trained: Callable[..., Any], unseen: Dataset, tmp_path: Path
) -> None:
    model, _, _ = trained(stage="tokenizer")
    model.save(tmp_path / "run" / "model")
    task = make_task(unseen)
    other = HiGPT.for_task(task, HiGPTConfig(start=str(tmp_path / "run"), freeze=True))
    assert isinstance(other, HiGPT)
    for key, value in model.tokenizer.state_dict().items():
        assert torch.equal(value, other.tokenizer.state_dict()[key])
    inputs = other.prepare(task, seeds=Seeds())
    assert inputs.tokens is not None
    assert inputs.tokens["gene"].shape == (12, 128)
    trainable = [name for name, parameter in other.named_parameters() if parameter.requires_grad]
    assert trainable == ["head.classify.weight", "head.classify.bias"]


@pytest.mark.parametrize("stage", ["tokenizer", "instructions"])
def test_a_frozen_run_is_scored_on_a_graph_it_never_saw(
    stage: str, trained: Callable[..., Any], unseen: Dataset, tmp_path: Path
) -> None:
    """Nothing is trained there, and no label of that graph is asked for."""
    options: dict[str, Any] = {"stage": stage}
    if stage == "instructions":
        pytest.importorskip("transformers", reason="the extra llm is not installed")
        options["language"] = LanguageConfig(model="tiny", max_length=3000, max_nodes=3)
    model, _, _ = trained(**options, train={"max_epochs": 1})
    model.save(tmp_path / "model")
    config = HiGPTConfig(
        **options, start=str(tmp_path), freeze=True, class_names=("benign", "malign")
    )
    task = make_task(unseen)
    other = HiGPT.for_task(task, config)
    result = Trainer(TrainConfig(device="cpu"), seeds=Seeds(), progress=False).fit(other, task)
    assert result.epochs == 0
    assert result.predictions["test"].values.shape == (4, 2)
    for key, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[key])


def test_other_settings_are_refused(trained: Callable[..., Any], tmp_path: Path) -> None:
    model, task, _ = trained(stage="tokenizer", train={"max_epochs": 1})
    model.save(tmp_path / "model")
    for name, value in (("dim", 64), ("encoder", "hash:64"), ("compat", "released")):
        with pytest.raises(ConfigError, match=f"was trained with {name}="):
            HiGPT.for_task(task, HiGPTConfig(start=str(tmp_path), **{name: value}))


@pytest.mark.parametrize("stage", ["matching", "instructions"])
def test_nothing_to_score_is_refused(stage: Any) -> None:
    """To probe an untrained tokenizer is a control; to ask an untrained projector, a mistake."""
    with pytest.raises(ConfigError, match=f"{stage} trains nothing, .* name the folder of a run"):
        HiGPTConfig(stage=stage, freeze=True)
    assert HiGPTConfig(stage="classify", freeze=True).freeze


def test_frozen_tokens_give_the_logits_of_a_pass(trained: Callable[..., Any]) -> None:
    model, task, _ = trained(freeze=True)
    inputs = model.prepare(task, seeds=Seeds())
    model.eval()
    with torch.no_grad():
        whole = model.tokenizer(
            inputs.corpus.x, inputs.corpus.relations, model.tokenizer.weights(inputs.corpus.types)
        )
        again = model.head.classify(whole["paper"])[inputs.rows["test"]]
        torch.testing.assert_close(model.predict(inputs, "test").values, again)


def test_inputs_are_texts_features_or_descriptions(text_dataset: Dataset) -> None:
    task = make_task(text_dataset)
    model = HiGPT.for_task(task, HiGPTConfig())
    corpus = model.prepare(task, seeds=Seeds()).corpus
    assert corpus.texts["paper"][0].as_py() == "A study of graph learning number 0"
    assert torch.equal(corpus.x["author"][0], corpus.fill["author"])  # its name is blank
    assert torch.equal(corpus.x["term"][0], corpus.fill["term"])  # no text, no features
    assert not torch.equal(corpus.x["author"][1], corpus.fill["author"])
    plain = HiGPT.for_task(task, HiGPTConfig(inputs="features"))
    assert not torch.equal(plain.prepare(task, seeds=Seeds()).corpus.x["paper"], corpus.x["paper"])
