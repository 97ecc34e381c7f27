from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from hetgraph.errors import ConfigError, DataError
from hetgraph.files import OutputError
from hetgraph.leaderboards import job as job_module
from hetgraph.leaderboards.code import code_digest
from hetgraph.leaderboards.job import Hashes, Job
from hetgraph.leaderboards.record import append_record, read_records
from hetgraph.leaderboards.render import show
from hetgraph.leaderboards.runner import run_benchmark
from hetgraph.leaderboards.spec import load_benchmark
from hetgraph.methods import Loss, Method, NodePredictions, Stage
from hetgraph.registry import models
from hetgraph.tasks import Task

HASHES = Hashes("c" * 16, "d" * 64, {"total": "e" * 16})


@pytest.fixture
def code() -> list[str]:
    """The digest of the code, which a test may exchange."""
    return ["1" * 16]


@pytest.fixture
def faked(monkeypatch, make_record, code):
    """Replaces loading and training; returns the calls and the datasets that shall fail."""
    calls: list[tuple[str, int, bool]] = []
    broken: dict[str, Exception] = {}

    def identify(self: Job) -> Hashes:
        if self.dataset in broken and isinstance(broken[self.dataset], DataError):
            raise broken[self.dataset]
        example = make_record(model=self.model, dataset=self.dataset)
        return Hashes(example.config_sha256, example.data_sha256, {"total": code[0]})

    def run(self: Job, hashes, seed: int, *, fresh: bool, progress: bool):
        if self.dataset in broken:
            raise broken[self.dataset]
        calls.append((self.dataset, seed, fresh))
        version = job_module.hetgraph.__version__
        return make_record(
            model=self.model,
            dataset=self.dataset,
            seed=seed,
            version=version,
            overrides=self.overrides,
            code=hashes.code["total"],
        )

    monkeypatch.setattr(Job, "identify", identify)
    monkeypatch.setattr(Job, "run", run)
    return calls, broken


def test_each_runnable_dataset_and_seed_is_run_and_recorded(tiny: Path, tmp_path: Path, faked):
    stream = io.StringIO()
    report = run_benchmark(
        tiny, "rphgnn", 2, results=tmp_path / "results", console=Console(file=stream, width=200)
    )
    names = ["hgb/DBLP", "hgb/DBLP", "hgb/IMDB", "hgb/IMDB"]
    assert [record.dataset for record in report.recorded] == names
    assert [record.seed for record in report.recorded] == [0, 1, 0, 1]
    assert read_records(tmp_path / "results", "tiny") == sorted(
        report.recorded, key=lambda r: (r.dataset, r.seed)
    )
    assert "rphgnn on hgb/DBLP, seed 1: Macro-F1 95.20, Micro-F1 95.50" in stream.getvalue()
    assert "rphgnn on hgb/Freebase: not run. Not at hand." in stream.getvalue()


def test_recorded_runs_are_skipped_unless_told_otherwise(tiny: Path, tmp_path: Path, faked):
    calls, _ = faked
    run = {"results": tmp_path / "results", "datasets": ["DBLP"]}
    run_benchmark(tiny, "rphgnn", 2, **run)
    report = run_benchmark(tiny, "rphgnn", 3, **run)
    assert [seed for _, seed, _ in calls] == [0, 1, 2]
    assert [identity[3] for identity in report.skipped] == [0, 1]
    report = run_benchmark(tiny, "rphgnn", 1, rerun=True, **run)
    assert len(report.recorded) == 1
    assert calls[-1] == ("hgb/DBLP", 0, True)
    assert len(read_records(tmp_path / "results", "tiny")) == 4


def test_another_version_is_run_again(tiny: Path, tmp_path: Path, faked, monkeypatch):
    calls, _ = faked
    run = {"results": tmp_path / "results", "datasets": ["DBLP"]}
    run_benchmark(tiny, "rphgnn", 1, **run)
    monkeypatch.setattr(job_module.hetgraph, "__version__", "99.0")
    run_benchmark(tiny, "rphgnn", 1, **run)
    assert len(calls) == 2


def test_other_code_is_run_again_unless_older_records_are_kept(
    tiny: Path, tmp_path: Path, faked, code, make_record
):
    calls, _ = faked
    run = {"results": tmp_path / "results", "datasets": ["DBLP"]}
    old = make_record(seed=0, version=job_module.hetgraph.__version__)
    append_record(tmp_path / "results", old)  # without any digest, as before there were digests
    stream = io.StringIO()
    kept = run_benchmark(
        tiny, "rphgnn", 1, keep_older=True, console=Console(file=stream, width=200), **run
    )
    assert (kept.recorded, len(kept.skipped)) == ([], 1)
    assert "seed 0: recorded already, by older code." in stream.getvalue()
    stream = io.StringIO()
    report = run_benchmark(tiny, "rphgnn", 1, console=Console(file=stream, width=200), **run)
    assert "seed 0: recorded by older code, so it is run again." in stream.getvalue()
    assert [record.code for record in report.recorded] == [{"total": code[0]}]
    assert len(run_benchmark(tiny, "rphgnn", 1, **run).skipped) == 1
    code[0] = "2" * 16
    assert len(run_benchmark(tiny, "rphgnn", 2, keep_older=True, **run).recorded) == 1
    assert len(run_benchmark(tiny, "rphgnn", 2, **run).recorded) == 1
    assert [seed for _, seed, _ in calls] == [0, 1, 0]


@pytest.mark.parametrize("error", [DataError("no such file; fetch it."), RuntimeError("boom")])
def test_a_failed_dataset_does_not_stop_the_others(tiny: Path, tmp_path: Path, faked, error):
    _, broken = faked
    broken["hgb/DBLP"] = error
    stream = io.StringIO()
    report = run_benchmark(
        tiny, "rphgnn", 2, results=tmp_path / "results", console=Console(file=stream, width=200)
    )
    assert [record.dataset for record in report.recorded] == ["hgb/IMDB"] * 2
    (failure,) = report.failures
    assert failure.dataset == "hgb/DBLP"
    assert str(error) in failure.message
    assert ("RuntimeError" in failure.traceback) == isinstance(error, RuntimeError)
    assert f"failed, continuing with the next dataset. {failure.message}" in stream.getvalue()


@pytest.mark.parametrize(
    "error", [OutputError("cannot append: the disk is full."), KeyboardInterrupt()]
)
def test_a_full_disk_and_ctrl_c_stop_everything(tiny: Path, tmp_path: Path, faked, error):
    _, broken = faked
    broken["hgb/DBLP"] = error
    with pytest.raises(type(error)):
        run_benchmark(tiny, "rphgnn", 2, results=tmp_path / "results")


def test_overrides_are_recorded(tiny: Path, tmp_path: Path, faked):
    report = run_benchmark(
        tiny,
        "rphgnn",
        [3],
        ["IMDB"],
        settings={"train": {"lr": 0.1}},
        metapaths=["a-b-a"],
        results=tmp_path / "results",
    )
    (record,) = report.recorded
    assert record.seed == 3
    assert record.overrides == {"train": {"lr": 0.1}, "metapaths": ["a-b-a"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "rphgn"}, "Did you mean 'rphgnn'"),
        ({"datasets": ["DBPL"]}, "Did you mean"),
        ({"seeds": 0}, "at least one seed"),
        ({"seeds": []}, "at least one seed"),
        ({"seeds": [1, -1]}, "seed -1 is negative"),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    tiny: Path, tmp_path: Path, faked, changes, message: str
):
    with pytest.raises(ConfigError, match=message):
        run_benchmark(tiny, **{"model": "rphgnn", "results": tmp_path / "r", **changes})
    assert faked[0] == []


def test_an_unwritable_results_folder_is_found_before_anything_runs(
    tiny: Path, tmp_path: Path, faked
):
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(OutputError, match="cannot make the folder"):
        run_benchmark(tiny, "rphgnn", 1, results=tmp_path / "results")
    assert faked[0] == []


def test_without_a_model_all_published_ones_that_exist_are_run(tiny: Path, tmp_path: Path, faked):
    report = run_benchmark(tiny, seeds=1, results=tmp_path / "results")
    assert {record.model for record in report.recorded} == {"rphgnn"}


ROWS = """
rows:
  - {label: Wide, model: rphgnn, settings: {model: {hidden: 128}}, datasets: [hgb/DBLP]}
  - {label: A perceptron, model: mlp}
"""


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (None, {}, {"rphgnn": 2, "Wide": 1, "A perceptron": 2}),
        ("rphgnn", {}, {"rphgnn": 2, "Wide": 1}),
        ("mlp", {}, {"mlp": 2}),
        ("rphgnn", {"model": {"hidden": 128}}, {"rphgnn": 2}),
    ],
)
def test_further_rows_are_run_with_their_model(
    tiny: Path, tmp_path: Path, faked, model, settings, expected
):
    tiny.write_text(tiny.read_text() + ROWS, encoding="utf-8")
    stream = io.StringIO()
    run_benchmark(
        tiny, model, 1, settings=settings, results=tmp_path, console=Console(file=stream, width=200)
    )
    lines = [line for line in stream.getvalue().splitlines() if "seed 0" in line]
    titles = [line.split(" on ")[0] for line in lines]
    assert {title: titles.count(title) for title in titles} == expected


def test_settings_of_the_caller_win_over_those_of_the_benchmark(tiny: Path):
    benchmark = load_benchmark(tiny)
    settings = {"task": {"test": "full"}, "train": {"lr": 1.0}}
    job = Job(benchmark, "rphgnn", "hgb/DBLP", settings)
    assert job.all_settings == {"task": {"test": "full"}, "train": {"lr": 1.0}}
    assert Job(benchmark, "rphgnn", "hgb/DBLP", {}).all_settings == {"task": {"test": "half"}}


def test_a_dataset_may_be_another_one_with_settings(toy: Path, tmp_path: Path):
    """As one data set with several numbers of labels; the record goes by the benchmark's name."""
    entry = (
        "{label: Large, of: synthetic/academic, settings: {data: {num_nodes: 500}}, "
        "margins: {micro_f1: 1.0}}"
    )
    text = toy.read_text(encoding="utf-8")
    text = text.replace("datasets: {", f"datasets: {{large: {entry}, ")
    toy.write_text(text, encoding="utf-8")
    run = {"results": tmp_path / "results", "out": tmp_path / "runs", "progress": False}
    report = run_benchmark(toy, "toy_linear", 1, **run)
    assert report.failures == []
    by_dataset = {record.dataset: record for record in report.recorded}
    assert set(by_dataset) == {"large", "synthetic/academic"}
    assert by_dataset["large"].config["data"] == {"num_nodes": 500}
    assert by_dataset["synthetic/academic"].config["data"] == {"num_nodes": 400}
    assert len(run_benchmark(toy, "toy_linear", 1, **run).skipped) == 2
    stream = io.StringIO()
    show(toy, Console(file=stream, width=140), results=tmp_path / "results")
    assert "Large" in stream.getvalue()


def test_a_fresh_run_gets_a_folder_of_its_own(tiny: Path, tmp_path: Path):
    job = Job(load_benchmark(tiny), "rphgnn", "hgb/DBLP", {}, out=tmp_path)
    first = job.folder(HASHES, 0, fresh=True)
    assert first == job.folder(HASHES, 0, fresh=False)
    first.mkdir(parents=True)
    assert job.folder(HASHES, 0, fresh=False) == first
    again = job.folder(HASHES, 0, fresh=True)
    assert again != first
    assert again.parent == first.parent
    changed = replace(HASHES, code={"total": "f" * 16})
    assert job.folder(changed, 0, fresh=False).parent != first.parent


@dataclass(frozen=True)
class LinearConfig:
    scale: float = 1.0


class Linear(Method):
    """Logistic regression on the target's features."""

    name: ClassVar[str] = "toy_linear"
    Config: ClassVar[type[Any]] = LinearConfig

    def __init__(self, schema, spec, config: LinearConfig) -> None:
        super().__init__(schema, spec, config)
        self.head = nn.Linear(schema.node_types[spec.target].dim, spec.num_outputs)

    def prepare(self, task: Task, *, seeds, workdir=None):
        return task

    def batches(
        self, inputs, split, *, stage, batch_size, generator=None, shard=(0, 1)
    ) -> Iterator[Any]:
        rows = inputs.index(split)
        yield inputs.graph.features[inputs.spec.target][rows], inputs.labels[rows]

    def training_step(self, batch, *, stage: Stage) -> Loss:
        x, y = batch
        loss = nn.functional.cross_entropy(self.head(x * self.config.scale), y)
        return Loss({"entropy": loss}, len(y))

    def predict(self, inputs, split) -> NodePredictions:
        return NodePredictions(self.embed(inputs, split))

    def embed(self, inputs, split) -> Tensor:
        return self.head(inputs.graph.features[inputs.spec.target][inputs.index(split)])


SYNTHETIC = """
name: synthetic
title: Synthetic
unit: percent
protocol: [None.]
metrics: {micro_f1: {label: Micro-F1}}
variants: {full: {label: full test}, half: {label: half test, suffix: _half}}
settings: {data: {num_nodes: 400}, task: {test: half}, train: {max_epochs: 3}}
verdict: {alpha: 0.05, min_runs: 2, assumed_runs: 5, margin_reason: none}
datasets: {synthetic/academic: {label: Academic, margins: {micro_f1: 1.0}}}
sources: {me: {title: Me, url: "https://example.org"}}
published:
  - model: Toy
    ours: toy_linear
    source: me
    labels: free
    results: {synthetic/academic: {micro_f1: 99.9 ± 0.1}}
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setitem(models._added, "toy_linear", Linear)
    path = tmp_path / "synthetic.yaml"
    path.write_text(SYNTHETIC, encoding="utf-8")
    torch.set_num_threads(1)
    return path


def test_real_runs_are_recorded_skipped_and_rendered(toy: Path, tmp_path: Path):
    run = {"results": tmp_path / "results", "out": tmp_path / "runs", "progress": False}
    report = run_benchmark(toy, "toy_linear", 2, **run)
    assert report.failures == []
    first, second = report.recorded
    assert first.config_sha256 == second.config_sha256
    assert first.data_sha256 == second.data_sha256
    assert {"micro_f1", "micro_f1_half", "macro_f1"} <= set(first.metrics["test"])
    assert first.config["task"]["test"] == "half"
    assert first.code == code_digest("toy_linear", "hetgraph.tasks.node_classification")
    assert first.protocol["sizes"]["test"] > 0
    assert first.environment["torch"] == torch.__version__
    assert set(first.seconds) >= {"load", "prepare", "fit", "evaluate"}
    assert first.peak_memory_bytes > 0

    again = run_benchmark(toy, "toy_linear", 2, **run)
    assert again.recorded == []
    assert len(again.skipped) == 2

    stream = io.StringIO()
    show(toy, Console(file=stream, width=140), results=tmp_path / "results")
    assert "▼ worse" in stream.getvalue()

    changed = run_benchmark(toy, "toy_linear", 1, settings={"model": {"scale": 2.0}}, **run)
    (record,) = changed.recorded
    assert record.config_sha256 != first.config_sha256
    repeated = run_benchmark(toy, "toy_linear", 1, rerun=True, **run)
    (record,) = repeated.recorded
    assert record.identity == first.identity
    assert record.metrics == first.metrics


def test_a_finished_run_whose_record_was_lost_is_not_trained_again(toy: Path, tmp_path: Path):
    run = {"out": tmp_path / "runs", "progress": False}
    (first,) = run_benchmark(toy, "toy_linear", 1, results=tmp_path / "a", **run).recorded
    (second,) = run_benchmark(toy, "toy_linear", 1, results=tmp_path / "b", **run).recorded
    assert second.identity == first.identity
    assert second.seconds == first.seconds  # the very same run


@pytest.mark.slow
def test_the_shipped_benchmark_runs_on_real_data(data_root: Path, tmp_path: Path):
    report = run_benchmark(
        "hgb-node-classification",
        "rphgnn",
        1,
        ["ACM"],
        settings={"train": {"max_epochs": 2}},
        root=data_root,
        results=tmp_path / "results",
        out=tmp_path / "runs",
        progress=False,
    )
    assert report.failures == []
    scores = report.recorded[0].metrics["test"]
    assert 0.3 < scores["micro_f1"] <= 1.0
    assert 0.3 < scores["micro_f1_half"] <= 1.0
