"""A trained model that answers, is saved, opened again, and answers the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

import hetgraph
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, DataError
from hetgraph.files import OutputError

USERS, ITEMS = 24, 60
BUYS = EdgeType("user", "buys", "item")
QUICK: dict[str, Any] = {"train": {"max_epochs": 2, "device": "cpu"}}
PLANS = {f"u{i}": ("free", "paid", "gone")[i % 3] for i in range(USERS)}


@pytest.fixture
def classes(market: HeteroGraph) -> hetgraph.Fitted:
    return hetgraph.fit("rgcn", market, target=("user", PLANS), settings=QUICK, progress=False)


@pytest.fixture
def ranked(market: HeteroGraph) -> hetgraph.Fitted:
    return hetgraph.fit(
        "rgcn", market, target=BUYS, task="recommendation", settings=QUICK, progress=False
    )


def test_classes_and_probabilities(classes: hetgraph.Fitted) -> None:
    table = classes.predict()
    assert table.column_names == ["id", "prediction", "probability", "p_free", "p_gone", "p_paid"]
    assert table.column("id").to_pylist() == [*PLANS]
    numbers = classes.predict_proba()
    assert numbers.dtype == np.float64
    np.testing.assert_allclose(numbers.sum(1), 1)
    listed = np.stack([table.column(f"p_{name}") for name in ("free", "gone", "paid")], axis=1)
    np.testing.assert_allclose(listed, numbers, atol=1e-6)
    names = np.array(["free", "gone", "paid"])
    assert table.column("prediction").to_pylist() == names[numbers.argmax(1)].tolist()
    np.testing.assert_allclose(table.column("probability"), numbers.max(1), atol=1e-6)


def test_probabilities_are_calibrated(classes: hetgraph.Fitted) -> None:
    origin = classes.model.origin
    assert origin is not None
    logits = classes.moved().of_nodes(torch.arange(USERS))[0].double()
    expected = torch.softmax(logits / origin.temperature, 1).numpy()
    np.testing.assert_allclose(classes.predict_proba(), expected)
    assert origin.temperature == classes.record.extra["calibration"]["temperature"]


def test_answers_about_test_nodes_are_those_that_were_scored(
    market: HeteroGraph, tmp_path: Path
) -> None:
    fitted = hetgraph.fit(
        "rgcn", market, target=("user", PLANS), settings=QUICK, progress=False, out=tmp_path / "run"
    )
    saved = load_file(tmp_path / "run" / "predictions.safetensors")
    for asked in (fitted, hetgraph.load(tmp_path / "run")):
        outputs = asked.moved().of_nodes(saved["test.index"])[0]
        torch.testing.assert_close(outputs, saved["test"])


def test_some_nodes_have_the_rows_of_all(classes: hetgraph.Fitted) -> None:
    whole = classes.predict(embeddings=True)
    some = classes.predict(["u7", "u3", "u7"], embeddings=True)
    assert some.column("id").to_pylist() == ["u7", "u3", "u7"]
    for name in ("p_free", "probability"):  # as they are computed together
        np.testing.assert_allclose(some.column(name), whole.column(name).take([7, 3, 7]), rtol=1e-4)
    assert classes.predict([]).schema == classes.predict().schema
    vectors = np.stack(whole.column("embedding").to_pylist())
    np.testing.assert_array_equal(vectors, classes.embed().numpy())
    assert classes.embed("u3").shape == (1, vectors.shape[1])


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_blocks_make_the_same_table(rows: int, ranked: hetgraph.Fitted) -> None:
    blocks = list(ranked.batches(rows=rows, top=3))
    assert pa.Table.from_batches(blocks).combine_chunks().equals(ranked.predict(top=3))


def test_candidates_leave_out_what_is_known(ranked: hetgraph.Fitted, market: HeteroGraph) -> None:
    table = ranked.predict(top=1000)  # more than there are
    src, dst = market.relations[BUYS].edges()
    bought = {(f"u{s}", 100 + d) for s, d in zip(src.tolist(), dst.tolist(), strict=True)}
    listed = list(
        zip(table.column("src").to_pylist(), table.column("dst").to_pylist(), strict=True)
    )
    assert not bought & {*listed}
    assert len(listed) == len({*listed}) == USERS * ITEMS - len(bought)
    of_one = ranked.predict("u3", top=4)
    assert of_one.column("rank").to_pylist() == [1, 2, 3, 4]
    scores = of_one.column("score").to_pylist()
    assert scores == sorted(scores, reverse=True)
    pairs = ranked.predict(pairs=(["u3"] * 4, of_one.column("dst")))
    np.testing.assert_allclose(pairs.column("score"), scores, rtol=1e-5)


def test_vectors_of_both_ends(ranked: hetgraph.Fitted) -> None:
    table = ranked.predict(embeddings=True)
    assert table.column_names == ["node_type", "id", "embedding"]
    assert table.num_rows == USERS + ITEMS
    assert ranked.embed([100, 159], node_type="item").shape[0] == 2
    with pytest.raises(ConfigError, match="of pairs the vectors of all nodes are returned"):
        ranked.predict(["u1"], embeddings=True)
    with pytest.raises(ConfigError, match=r"makes no vectors of 'itm'. Did you mean 'item'"):
        ranked.embed(node_type="itm")
    with pytest.raises(ConfigError, match="no classes of nodes; use predict"):
        ranked.predict_proba()


def test_all_that_is_wrong_with_a_question_is_told(classes: hetgraph.Fitted) -> None:
    with pytest.raises(ConfigError) as raised:
        classes.predict(["u1"], pairs=(["u1"], [100]), relation="buys", top=0)
    for part in ("pairs are given", "a relation is given", "nodes and pairs", "top is 0"):
        assert part in str(raised.value)
    with pytest.raises(DataError, match="2 of 2 ids are not those of 'user' nodes: 'x', 'y'"):
        classes.predict(["x", "y"])
    with pytest.raises(ConfigError, match="the data are a int"):
        classes.predict(graph=3)


def test_scores_and_relevance(classes: hetgraph.Fitted) -> None:
    assert classes.score() == classes.metrics["test"]
    assert classes.score("valid") == classes.metrics["valid"]
    with pytest.raises(ConfigError, match=r"no split 'val'. Did you mean 'valid'"):
        classes.score("val")
    assert classes.explain().column_names[:4] == ["node_type", "relation", "order", "weight"]
    assert "class" in classes.explain(by_class=True).column_names


def test_in_a_notebook(classes: hetgraph.Fitted) -> None:
    assert repr(classes) == "Fitted(rgcn on graph: node-classification of user)"
    html = classes._repr_html_()
    assert "node-classification of user" in html
    assert "micro_f1" in html


@pytest.mark.parametrize("kind", ["classes", "ranked"])
def test_a_saved_model_answers_the_same(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fitted = request.getfixturevalue(kind)
    folder = fitted.save(tmp_path / "saved")
    again = hetgraph.load(folder)
    assert again.predict().equals(fitted.predict())
    assert again.predict(embeddings=True).equals(fitted.predict(embeddings=True))
    assert again.explain().equals(fitted.explain())
    assert again.metrics == fitted.metrics
    copied = hetgraph.load(again.save(tmp_path / "copy"))
    assert copied.predict().equals(fitted.predict())
    with pytest.raises(OutputError, match="is in use; choose a new or an empty folder"):
        fitted.save(folder)


def test_another_process_answers_the_same(classes: hetgraph.Fitted, tmp_path: Path) -> None:
    folder = classes.save(tmp_path / "saved")
    program = (
        "import sys, hetgraph, pyarrow.parquet as pq;"
        "pq.write_table(hetgraph.load(sys.argv[1]).predict(), sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", program, folder, tmp_path / "p.parquet"], check=True)
    assert pq.read_table(tmp_path / "p.parquet").equals(classes.predict())


def test_a_run_by_name_answers_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    settings = {**QUICK, "data": {"num_nodes": 300}}
    fitted = hetgraph.fit("rgcn", "synthetic/academic", settings=settings, progress=False)
    folder = fitted.save(tmp_path / "saved")
    assert not (folder / "data").exists()
    assert hetgraph.load(folder).predict().equals(fitted.predict())


def test_saving_leaves_nothing_half_written(
    classes: hetgraph.Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(type(classes.record), "save", fail)
    with pytest.raises((OSError, OutputError), match="disk full"):
        classes.save(tmp_path / "saved")
    assert not [*tmp_path.glob("*saved*")]


def test_a_run_of_an_older_version_says_so(classes: hetgraph.Fitted, tmp_path: Path) -> None:
    folder = classes.save(tmp_path / "saved")
    path = folder / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "origin": None}))
    old = hetgraph.load(folder)
    assert old.metrics == classes.metrics
    for ask in (old.predict, old.embed, old.predict_proba):
        with pytest.raises(ConfigError, match=r"a run of an older version.* train again"):
            ask()


def test_a_refitted_model_answers(market: HeteroGraph, tmp_path: Path) -> None:
    settings = {"train": {**QUICK["train"], "refit": True}}
    fitted = hetgraph.fit(
        "rgcn",
        market,
        target=("user", PLANS),
        settings=settings,
        progress=False,
        out=tmp_path / "r",
    )
    saved = load_file(tmp_path / "r" / "predictions.safetensors")
    again = hetgraph.load(tmp_path / "r")
    outputs = again.moved().of_nodes(saved["test.index"])[0]
    torch.testing.assert_close(outputs, saved["test"])
    assert again.predict().equals(fitted.predict())


@pytest.mark.parametrize("data", [{"structure": "walks"}, {"text": "hash"}])
def test_computed_features_answer(data: dict[str, str], market: HeteroGraph) -> None:
    texts = market.replace(text={"user": [f"user {i}" for i in range(USERS)]})
    settings = {**QUICK, "data": data}
    fitted = hetgraph.fit("rgcn", texts, target=("user", PLANS), settings=settings, progress=False)
    assert fitted.predict(["u3"]).num_rows == 1


def test_a_new_node_of_another_graph(classes: hetgraph.Fitted, market: HeteroGraph) -> None:
    larger = with_new_user(market)
    table = classes.predict(["new", "u3"], graph=larger)
    assert table.column("id").to_pylist() == ["new", "u3"]
    assert classes.graph.num_nodes["user"] == USERS


def with_new_user(graph: HeteroGraph) -> HeteroGraph:
    """The graph with a new user, the last one, who buys item 3."""
    sizes = {**graph.num_nodes, "user": USERS + 1}
    relations = {}
    for key, relation in graph.relations.items():
        src, dst = relation.edges()
        if key in (BUYS, graph.schema.reverse_of(BUYS)):
            new = {"user": USERS, "item": 3}
            src = torch.cat([src, torch.tensor([new[key.src]])])
            dst = torch.cat([dst, torch.tensor([new[key.dst]])])
        relations[key] = Relation.from_edges(src, dst, sizes[key.src], sizes[key.dst])
    features = {**graph.features}
    features["user"] = torch.cat([torch.as_tensor(features["user"]), torch.zeros(1, 4)])
    ids = {**graph.ids, "user": [*graph.ids["user"].to_pylist(), "new"]}
    return graph.replace(num_nodes=sizes, relations=relations, features=features, ids=ids)
