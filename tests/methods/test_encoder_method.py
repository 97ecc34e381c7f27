"""An encoder joined with a head: encoding, blocks of rows, terms of losses, empty batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from hetgraph.methods import (
    Batch,
    Encoded,
    Encoder,
    EncoderMethod,
    RelevanceRow,
    Stage,
    encoder_method,
)
from hetgraph.methods.encoder_method import EncoderPerType
from hetgraph.models.mlp import MLP, MLPConfig
from hetgraph.seeds import Seeds
from hetgraph.tasks import NodePredictions, Samples, Task

STAGE = Stage()


@dataclass(frozen=True)
class RowsConfig:
    """Settings of :class:`Rows`."""

    dim: int = 4
    row_wise: bool = True
    metapaths: tuple[str, ...] = ()


class Rows(Encoder):
    """A table of one type; every pass costs as much as its rows."""

    name: ClassVar[str] = "rows"
    Config: ClassVar[type[Any]] = RowsConfig
    one_type: ClassVar[bool] = True
    no_decay: ClassVar[tuple[str, ...]] = ("table",)
    citation: ClassVar[str] = "nobody"

    def __init__(self, schema, spec, config) -> None:
        super().__init__(schema, spec, config)
        self.dim, self.row_wise, self.all_nodes = config.dim, config.row_wise, False
        self.table = nn.Parameter(torch.randn(spec.num_nodes[spec.target], self.dim))
        self.passes: list[int] = []
        self.calibrated = 0

    def prepare(self, task, *, seeds, workdir=None) -> str:
        return f"prepared {self.spec.target}"

    def forward(self, batch: Batch) -> Encoded:
        assert batch.inputs == f"prepared {self.spec.target}"
        ((name, ids),) = batch.seeds.items()
        assert name == self.spec.target
        rows = self.table if ids is None else self.table[ids]
        self.passes.append(len(rows))
        return Encoded({name: rows.relu()}, kept=rows)

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        return {"decay": encoded.kept.square().sum(), self.spec.target: encoded.kept.sum() * 0 + 1}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        return {name: x + 100 for name, x in self(batch).vectors.items()}

    def calibrate(self, method, inputs) -> None:
        assert method.encoder is self
        self.calibrated += 1

    def relevance(self, inputs, classes=None) -> list[RelevanceRow]:
        assert not self.training
        assert not torch.is_grad_enabled()
        return [RelevanceRow(self.spec.target, inputs, 0, 1.0)]


def build(task: Task, **config: Any) -> tuple[EncoderMethod, Any]:
    method = Rows.for_task(task, RowsConfig(**config))
    assert isinstance(method, EncoderMethod)
    return method.eval(), method.prepare(task, seeds=Seeds())


def first(method: EncoderMethod, inputs: Any, **options: Any) -> Batch:
    return next(method.batches(inputs, "train", stage=STAGE, **{"batch_size": 8, **options}))


def test_the_method_has_the_facts_of_its_encoder(nodes: Task) -> None:
    method, inputs = build(nodes)
    assert (method.name, method.citation, method.no_decay) == ("rows", "nobody", ("table",))
    assert method.Config is RowsConfig
    assert inputs.encoder == "prepared author"
    assert inputs.num_nodes == dict(nodes.graph.num_nodes)
    assert method.num_parameters() == 40 * 4 + 4 * 3 + 3
    assert [stage.name for stage in method.stages()] == ["fit"]


def test_vectors_of_chosen_nodes_or_of_all(nodes: Task) -> None:
    method, inputs = build(nodes)
    table = method.encoder.table.relu()  # type: ignore[union-attr,operator]
    assert torch.equal(method.encode(inputs, {"author": None})["author"], table)
    ids = torch.tensor([7, 0, 7])
    assert torch.equal(method.encode(inputs, {"author": ids})["author"], table[ids])


@pytest.mark.parametrize("block", [1, 3, 100])
def test_blocks_of_rows_give_what_one_pass_gives(nodes: Task, monkeypatch, block: int) -> None:
    method, inputs = build(nodes)
    whole, _ = build(nodes, row_wise=False)
    whole.load_state_dict(method.state_dict())
    monkeypatch.setattr(encoder_method, "BLOCK_ROWS", block)
    expected = whole.predict(inputs, "test")
    assert whole.encoder.passes == [10]
    predicted = method.predict(inputs, "test")
    assert method.encoder.passes == [min(block, 10)] * (10 // block) + [10 % block] * bool(
        10 % block
    )
    assert isinstance(predicted, NodePredictions)
    torch.testing.assert_close(predicted.values, expected.values)  # type: ignore[attr-defined]
    rows = inputs.head.rows["test"]
    logits = method.head.decoder(method.encoder.table.relu()[rows])  # type: ignore[operator]
    torch.testing.assert_close(predicted.values, logits)
    embedded = method.embed(inputs, "test")
    torch.testing.assert_close(embedded, method.encoder.table.relu()[rows] + 100)  # type: ignore[operator]
    assert method.encoder.calibrated == 1  # before predictions, not before embeddings


def test_blocks_of_pairs_give_all_nodes_of_both_ends(links: Task, monkeypatch) -> None:
    method, inputs = build(links)
    monkeypatch.setattr(encoder_method, "BLOCK_ROWS", 7)
    vectors = method.predict(inputs, "test").vectors  # type: ignore[attr-defined]
    assert isinstance(method.encoder, EncoderPerType)
    for name in ("author", "paper"):
        assert torch.equal(vectors[name], method.encoder.types[name].table.relu())
    embedded = method.embed(inputs, "test")
    assert embedded.shape == (links.index("test").shape[1], 4)


def test_no_rows_are_no_rows(nodes: Task) -> None:
    method, inputs = build(nodes.refit_view())
    predicted = method.predict(inputs, "valid")
    assert predicted.values.shape == (0, 3)  # type: ignore[attr-defined]


def test_the_loss_has_the_terms_of_both(nodes: Task) -> None:
    method, inputs = build(nodes)
    batch = first(method, inputs)
    loss = method.training_step(batch, stage=STAGE)
    rows = method.encoder.table[batch.seeds["author"]]  # type: ignore[index]
    task = nodes.criterion()(method.head.decoder(rows.relu()), batch.samples.labels)
    assert set(loss.terms) == {"task", "decay", "author"}
    torch.testing.assert_close(loss.terms["task"], task)
    torch.testing.assert_close(loss.terms["decay"], rows.square().sum())
    torch.testing.assert_close(loss.total, task + rows.square().sum() + 1)
    assert (loss.count, batch.split) == (8, "train")


def test_an_empty_batch_has_no_loss_but_a_gradient(nodes: Task) -> None:
    method, inputs = build(nodes)
    batch = first(method, inputs, batch_size=20, shard=(31, 32))
    loss = method.training_step(batch, stage=STAGE)
    assert (loss.count, loss.total.item(), set(loss.terms)) == (0, 0.0, {"task"})
    loss.total.backward()
    assert all(p.grad is not None and not bool(p.grad.any()) for p in method.parameters())


def test_relevance_is_read_without_dropout_and_gradient(nodes: Task) -> None:
    method, inputs = build(nodes)
    method.train()
    (row,) = method.relevance(inputs)
    assert row.relation == "prepared author"
    assert method.training
    assert method.encoder.training


def test_an_encoder_for_each_end_of_pairs(links: Task) -> None:
    method, inputs = build(links)
    encoder = method.encoder
    assert isinstance(encoder, EncoderPerType)
    assert inputs.encoder == {"author": "prepared author", "paper": "prepared paper"}
    assert (encoder.dim, encoder.all_nodes, encoder.row_wise) == (4, False, True)
    assert {name: len(encoder.types[name].table) for name in ("author", "paper")} == {
        "author": 40,
        "paper": 47,
    }
    seeds = {"paper": torch.tensor([5, 1]), "author": torch.tensor([3])}
    vectors = method.encode(inputs, seeds)
    for name, ids in seeds.items():
        assert torch.equal(vectors[name], encoder.types[name].table.relu()[ids])
    made = encoder(Batch(inputs.encoder, Samples(seeds, 3, 3)))
    terms = encoder.losses(Batch(inputs.encoder, Samples(seeds, 3, 3)), made)
    both = sum(encoder.types[name].table[ids].square().sum() for name, ids in seeds.items())
    torch.testing.assert_close(terms["decay"], both)
    assert set(terms) == {"decay", "author", "paper"}
    assert [row.node_type for row in method.relevance(inputs)] == ["author", "paper"]


def test_each_end_gets_its_own_meta_paths(links: Task) -> None:
    paths = ("author-paper-author", "mine=paper-term-paper", "a name", "paper-author-paper")
    encoder = build(links, metapaths=paths)[0].encoder
    assert isinstance(encoder, EncoderPerType)
    assert encoder.types["author"].config.metapaths == ("author-paper-author", "a name")
    assert encoder.types["paper"].config.metapaths == paths[1:]
    assert encoder.config.metapaths == paths


def test_a_method_for_one_end_needs_no_split_up(nodes: Task) -> None:
    assert not isinstance(build(nodes)[0].encoder, EncoderPerType)
    assert not isinstance(MLP.for_task(nodes, MLPConfig()).encoder, EncoderPerType)
