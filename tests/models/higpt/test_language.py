"""Blocks, splice, labels and scores, with a tiny language model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph.catalog import Dataset
from hetgraph.errors import ConfigError, DataError, FileFormatError
from hetgraph.methods import Method
from hetgraph.models.higpt import HiGPT, HiGPTConfig, LanguageConfig
from hetgraph.seeds import Seeds

pytest.importorskip("transformers", reason="the extra llm is not installed")

from hetgraph.models.higpt.language import SplicedLanguageModel, encode_prompt, load_causal
from hetgraph.models.higpt.language.prompt import IGNORE

SHORT = Path(__file__).with_name("short.yaml")
TINY = LanguageConfig(
    model="tiny", templates=str(SHORT), max_length=2000, fanouts=(3,), max_nodes=5, pairs=8
)


@pytest.fixture
def spliced() -> SplicedLanguageModel:
    torch.manual_seed(0)
    return SplicedLanguageModel(6, TINY)


def ask(spliced: SplicedLanguageModel, counts: list[int], answer: str | None = None) -> Any:
    blocks = " and ".join(["<graph>"] * len(counts))
    messages = [("system", "Answer."), ("user", f"See {blocks}. Which?")]
    return encode_prompt(spliced.causal.tokenizer, messages, counts, answer)


def test_tokens_of_nodes_begin_with_the_mean_and_the_spread_of_words() -> None:
    spliced = SplicedLanguageModel(96, TINY)
    words = spliced.causal.model.get_input_embeddings().weight.detach()
    with torch.no_grad():
        actual = spliced.projector(torch.randn(2000, 96))
    torch.testing.assert_close(actual.mean(0), words.mean(0), atol=0.02, rtol=0)
    std = (words - words.mean(0)).std()
    torch.testing.assert_close((actual - words.mean(0)).std(), std, atol=0, rtol=0.05)


def test_every_block_is_filled_and_no_other_word_changes(spliced: SplicedLanguageModel) -> None:
    """The released program fills the last block alone; ``last`` repeats it."""
    prompt = ask(spliced, [3, 2])
    assert len(prompt.blocks) == 2
    vectors = [torch.randn(3, 6), torch.randn(2, 6)]
    plain = spliced.splice(prompt, [torch.zeros(3, 6), torch.zeros(2, 6)])
    full, last = spliced.splice(prompt, vectors), spliced.splice(prompt, vectors, "last")
    inside = torch.zeros(len(prompt), dtype=torch.bool)
    for (first, count), own in zip(prompt.blocks, vectors, strict=True):
        torch.testing.assert_close(full[first : first + count], spliced.projector(own))
        inside[first : first + count] = True
    assert torch.equal(full[~inside], plain[~inside])
    words = prompt.ids >= 0
    table = spliced.causal.model.get_input_embeddings().weight
    assert torch.equal(full[words], table[prompt.ids[words]])
    first, count = prompt.blocks[0]
    assert torch.equal(last[first : first + count], spliced.marks[0].expand(count, -1))
    assert torch.equal(last[prompt.blocks[1][0] :], full[prompt.blocks[1][0] :])
    start, end = prompt.blocks[0][0] - 1, prompt.blocks[0][0] + 3
    assert torch.equal(full[start], spliced.marks[1])
    assert torch.equal(full[end], spliced.marks[2])


def test_blocks_and_sequences_must_agree(spliced: SplicedLanguageModel) -> None:
    with pytest.raises(DataError, match="has 1 <graph> blocks, but there are 2"):
        encode_prompt(spliced.causal.tokenizer, [("user", "<graph>")], [1, 1])


def test_only_the_answer_is_a_label(spliced: SplicedLanguageModel) -> None:
    prompt = ask(spliced, [2], "data mining")
    said = prompt.labels[prompt.labels != IGNORE]
    tokenizer = spliced.causal.tokenizer
    assert said[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(said[:-1]) == "data mining"
    assert torch.equal(prompt.ids[prompt.labels != IGNORE], said)
    without = ask(spliced, [2])
    assert torch.equal(prompt.ids[: len(without)], without.ids)


def test_the_loss_is_that_of_the_language_model(spliced: SplicedLanguageModel) -> None:
    prompt = ask(spliced, [2], "yes")
    vectors = spliced.splice(prompt, [torch.randn(2, 6)])
    whole = spliced.causal.model(inputs_embeds=vectors[None], labels=prompt.labels[None]).loss
    torch.testing.assert_close(spliced.loss(vectors, prompt), whole)


@pytest.mark.parametrize("labels", [["data mining", "ai", "x"], ["one"]])
def test_scores_are_log_likelihoods(spliced: SplicedLanguageModel, labels: list[str]) -> None:
    """One read prompt for all labels gives what reading each label whole gives."""
    vectors = spliced.splice(ask(spliced, [2]), [torch.randn(2, 6)])
    expected = []
    for label in labels:
        solved = ask(spliced, [2], label)
        answer = solved.ids[solved.labels != IGNORE]
        table = spliced.causal.model.get_input_embeddings()
        joined = torch.cat([vectors, table(answer)])[None]
        logs = spliced.causal.model(inputs_embeds=joined).logits[0].log_softmax(1)
        at = torch.arange(len(vectors) - 1, len(vectors) - 1 + len(answer))
        expected.append(logs[at, answer].mean())
    actual = spliced.scores(vectors, labels)
    torch.testing.assert_close(actual, torch.stack(expected), atol=1e-5, rtol=1e-5)
    spliced.config = replace(TINY, score="sum")
    sizes = torch.tensor([len(one) + 1.0 for one in labels])
    torch.testing.assert_close(spliced.scores(vectors, labels), actual * sizes)


def test_the_model_stays_out_of_the_state(spliced: SplicedLanguageModel) -> None:
    assert set(spliced.state_dict()) == {"projector.weight", "projector.bias", "marks"}
    assert not any(parameter.requires_grad for parameter in spliced.causal.model.parameters())
    again = load_causal("tiny").model.state_dict()
    assert all(torch.equal(again[k], v) for k, v in spliced.causal.model.state_dict().items())


def test_low_rank_updates_belong_to_the_state() -> None:
    pytest.importorskip("peft", reason="the extra llm is not installed")
    torch.manual_seed(0)
    spliced = SplicedLanguageModel(6, replace(TINY, lora_rank=2))
    assert sum(name.startswith("lora.") for name in spliced.state_dict()) == 8  # 2 layers, q and v
    prompt = ask(spliced, [2], "yes")
    spliced.loss(spliced.splice(prompt, [torch.randn(2, 6)]), prompt).backward()
    assert all(parameter.grad is not None for parameter in spliced.lora)
    with torch.no_grad():
        for parameter in spliced.lora:
            parameter.add_(0.5)
    other = SplicedLanguageModel(6, replace(TINY, lora_rank=2))
    other.load_state_dict(spliced.state_dict())
    spliced.eval(), other.eval()
    vectors = [torch.randn(2, 6)]
    one, two = (s.scores(s.splice(prompt, vectors), ["a", "b"]) for s in (spliced, other))
    torch.testing.assert_close(one, two)
    plain = SplicedLanguageModel(6, TINY)
    plain.load_state_dict(spliced.state_dict(), strict=False)
    assert not torch.allclose(plain.scores(plain.splice(prompt, vectors), ["a", "b"]), one)


@pytest.mark.parametrize("stage", ["matching", "instructions"])
def test_stages_lower_the_loss_and_keep_the_tokenizer(
    trained: Callable[..., Any], stage: str
) -> None:
    losses, states = [], []
    for epochs in (1, 8):
        model, task, result = trained(
            stage=stage, language=TINY, train={"max_epochs": epochs, "lr": 1e-2}
        )
        assert result.epochs == epochs
        inputs, only = model.prepare(task, seeds=Seeds.from_seed(0)), model.stages()[0]
        batch = next(iter(model.batches(inputs, "train", stage=only, batch_size=8)))
        model.eval()
        with torch.no_grad():
            losses.append(float(model.training_step(batch, stage=only).total))
        states.append(model.tokenizer.state_dict())
    assert losses[1] < losses[0] - 0.2
    assert all(torch.equal(states[0][key], value) for key, value in states[1].items())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_graph_tokens_are_read_where_nothing_else_tells(
    text_dataset: Dataset, trained: Callable[..., Any]
) -> None:
    """Without quoted text only vectors tell papers apart; those of another node mislead."""
    language = replace(TINY, text_words=0, max_nodes=1, lora_rank=8)
    model, task, _ = trained(
        stage="instructions",
        language=language,
        train={"max_epochs": 15, "lr": 1e-2, "batch_size": 4},
    )
    model.eval()
    right = {}
    for mode in ("all", "shuffled"):
        model.head.config = replace(model.config, language=replace(language, graph_tokens=mode))
        with torch.no_grad():
            logits = model.predict(model.prepare(task, seeds=Seeds.from_seed(0)), "train").values
        right[mode] = float((logits.argmax(1) == task.labels[task.index("train")]).float().mean())
    assert right["all"] > 0.9
    assert right["shuffled"] < 0.7


def test_runs_go_on_from_one_another_and_are_saved(
    trained: Callable[..., Any], tmp_path: Path
) -> None:
    first, task, _ = trained(stage="matching", language=TINY, train={"max_epochs": 1})
    first.save(tmp_path / "one")
    config = HiGPTConfig(stage="instructions", language=TINY, start=str(tmp_path / "one"))
    second = HiGPT.for_task(task, config)
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key])
    second.save(tmp_path / "two")
    loaded = Method.load(tmp_path / "two")
    with torch.no_grad():
        logits, again = (
            model.eval().predict(model.prepare(task, seeds=Seeds()), "valid").values
            for model in (second, loaded)
        )
    assert torch.equal(logits, again)


def test_examples_come_before_the_question(trained: Callable[..., Any]) -> None:
    model, task, _ = trained(
        stage="instructions", language=replace(TINY, examples=2), train={"max_epochs": 1}
    )
    inputs = model.prepare(task, seeds=Seeds())
    node = int(task.index("test")[0])
    asked = model.head.ask(inputs.extra, node)
    assert len(asked.examples) == 2
    assert {example.node for example in asked.examples} <= set(task.index("train").tolist())
    roles = [role for role, _ in asked.messages("Do.")]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert all(example.answer for example in asked.examples)
    assert asked.answer == ""
    prompt = model.head.encode(inputs.extra, asked)
    assert len(prompt.blocks) == sum(len(part.keys) for part in (*asked.examples, asked))
    assert model.head.score(model.tokenizer, inputs.extra, asked).shape == (3,)


def test_texts_are_cut_until_a_prompt_fits(trained: Callable[..., Any]) -> None:
    model, task, _ = trained(stage="instructions", language=TINY, train={"max_epochs": 1})
    inputs, node = model.prepare(task, seeds=Seeds()), int(task.index("test")[0])
    whole = len(model.head.encode(inputs.extra, model.head.ask(inputs.extra, node)))
    model.head.config = replace(model.config, language=replace(TINY, max_length=whole - 10))
    cut = model.head.ask(inputs.extra, node)
    assert len(model.head.encode(inputs.extra, cut)) <= whole - 10
    model.head.config = replace(model.config, language=replace(TINY, max_length=30))
    with pytest.raises(ConfigError, match="max_length is 30"):
        model.head.ask(inputs.extra, node)


def test_wrong_names_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected 'smollm2', 'tiny' or the folder"):
        load_causal("vicuna")
    with pytest.raises(FileFormatError, match="holds no causal language model"):
        load_causal(str(tmp_path))


def test_a_folder_of_transformers_is_loaded(tmp_path: Path) -> None:
    tiny = load_causal("tiny")
    tiny.model.save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    again = load_causal(str(tmp_path))
    assert again.dim == 64
    assert again.tokenizer("café")["input_ids"] == tiny.tokenizer("café")["input_ids"]
