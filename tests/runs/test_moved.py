"""A model on a shop with a new user and a new purchase, in every form of source."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hetgraph as package
from hetgraph.errors import DataError, UserError

QUICK = {"train": {"max_epochs": 2, "device": "cpu"}}
USER = {"id": 9001, "age": 33, "city": None, "joined": "2023-01-01", "tier": None, "churn": None}
SOURCES = {"tables": "tables:{}", "sqlite": "sqlite:{}/shop.db", "duckdb": "duckdb:{}/shop.duckdb"}


@pytest.fixture
def shop(hetgraph: Callable) -> Callable[[str], str]:
    def make(form: str) -> str:
        words = ["--users", "150", "--items", "60", "--clean", "--as", form]
        assert hetgraph("datasets", "make", "shop", "shop", *words).code == 0
        return SOURCES[form].format("shop")

    return make


def add(form: str, folder: Path) -> None:
    """Appends a user without labels, and a purchase, to the tables of a shop."""
    if form == "tables":
        append(folder / "nodes/user.csv", USER)
        buys = folder / "edges/user__buys__item.csv"
        first = pd.read_csv(buys, dtype=str).iloc[0].to_dict()
        append(buys, {**first, "src": 9001, "rating": None})
        return
    if form == "duckdb":
        connection: Any = pytest.importorskip("duckdb").connect(str(folder / "shop.duckdb"))
    else:
        connection = sqlite3.connect(folder / "shop.db")
    with closing(connection):
        row = connection.execute('SELECT * FROM "buys" LIMIT 1')
        names = [column[0] for column in row.description]
        values = dict(zip(names, row.fetchone(), strict=True))
        insert(connection, "user", USER)
        insert(connection, "buys", {**values, "user_id": 9001, "rating": None})
        connection.commit()


def append(path: Path, row: dict[str, Any]) -> None:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert set(row) == set(table.columns)
    pd.concat([table, pd.DataFrame([row]).astype(object)]).to_csv(path, index=False)


def insert(connection: Any, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*row.values()])


def train(source: str, task: str = "churn", **data: str | None) -> package.Fitted:
    settings = {**QUICK, **({"data": data} if data else {})}
    return package.fit("rgcn", source, target=task, settings=settings, progress=False)


@pytest.mark.parametrize("form", [*SOURCES])
def test_a_new_user_is_answered(form: str, shop: Callable[[str], str]) -> None:
    fitted = train(shop(form))
    before = fitted.predict()
    shutil.copytree("shop", "later")
    add(form, Path("later"))
    source = SOURCES[form].format("later")
    after = fitted.predict(graph=source)
    assert after.num_rows == before.num_rows + 1
    was, now = (table.to_pandas().set_index("id") for table in (before, after))
    assert set(now.index) - set(was.index) == {9001}
    changed = (was.p_no - now.p_no.loc[was.index]).abs() > 1e-5
    assert changed.any()  # who bought the same is two steps away
    assert not changed.all()
    assert fitted.predict().equals(before)


def test_the_run_itself_sees_new_rows(shop: Callable[[str], str], tmp_path: Path) -> None:
    source = shop("tables")
    train_to = package.fit(
        "rgcn", source, target="churn", settings=QUICK, progress=False, out=tmp_path / "run"
    )
    assert train_to.predict().num_rows == 150
    add("tables", Path("shop"))
    assert package.load(tmp_path / "run").predict([9001]).num_rows == 1


def test_links_of_a_new_user(shop: Callable[[str], str]) -> None:
    fitted = train(shop("tables"), "buys")
    shutil.copytree("shop", "later")
    add("tables", Path("later"))
    table = fitted.predict([9001], graph="tables:later", top=60)
    bought = pd.read_csv("later/edges/user__buys__item.csv", dtype=str)
    item = bought[bought.src == "9001"].dst.item()
    listed = [str(name) for name in table.column("dst").to_pylist()]
    assert table.num_rows == 59
    assert item not in listed


def test_the_brands_that_are_new_are_told(shop: Callable[[str], str]) -> None:
    fitted = train(shop("tables"), standins=None)  # learned vectors
    shutil.copytree("shop", "later")
    path = Path("later/nodes/brand.csv")
    names = pd.read_csv(path, dtype=str)
    append(path, {**names.iloc[0].to_dict(), "id": "brand-new"})
    notes = fitted.moved("tables:later").notes
    (note,) = [line for line in notes if "'brand'" in line]
    assert f"1 of {len(names) + 1} 'brand' nodes are new" in note
    assert "\n" not in note
    assert fitted.moved().notes == ()


@pytest.mark.parametrize("standins", ["incidence-svd", "random", "ids", "neighbours"])
def test_standins_answer(standins: str, shop: Callable[[str], str]) -> None:
    fitted = train(shop("tables"), standins=standins)
    again = package.load(fitted.save("saved"))
    np.testing.assert_allclose(again.predict_proba(), fitted.predict_proba(), atol=1e-5)
    shutil.copytree("shop", "later")
    add("tables", Path("later"))
    assert again.predict([9001], graph="tables:later").num_rows == 1


@pytest.mark.parametrize("data", [{"structure": "walks"}, {"text": "hash"}])
def test_computed_columns_answer(data: dict[str, str], shop: Callable[[str], str]) -> None:
    fitted = train(shop("tables"), **data)
    again = package.load(fitted.save("saved"))
    np.testing.assert_allclose(again.predict_proba(), fitted.predict_proba(), atol=1e-5)
    shutil.copytree("shop", "later")
    add("tables", Path("later"))
    assert again.predict([9001], graph="tables:later").num_rows == 1


def test_all_differences_of_the_schema_are_told(shop: Callable[[str], str]) -> None:
    fitted = train(shop("tables"))
    graph = fitted.graph
    features = {name: value for name, value in graph.features.items() if name != "item"}
    features["user"] = features["user"][:, :2]
    with pytest.raises(DataError, match="not of the schema") as raised:
        fitted.predict(graph=graph.replace(features=features))
    first, second = sorted(str(raised.value).split("\n- ")[1:])
    assert first.startswith("'item' has no features")
    assert second.startswith("'user' has 2 dense features")


def test_a_missing_column(shop: Callable[[str], str]) -> None:
    fitted = train(shop("tables"))
    shutil.copytree("shop", "later")
    path = Path("later/nodes/user.csv")
    pd.read_csv(path, dtype=str).drop(columns="age").to_csv(path, index=False)
    with pytest.raises(UserError, match="age") as raised:
        fitted.predict(graph="tables:later")
    assert "\n" not in str(raised.value)


def test_labels_are_not_read_from_another_source(shop: Callable[[str], str]) -> None:
    fitted = train(shop("tables"))
    shutil.copytree("shop", "later")
    path = Path("later/nodes/user.csv")
    table = pd.read_csv(path, dtype=str)
    table["churn"] = "never seen"
    table.to_csv(path, index=False)
    assert fitted.predict(graph="tables:later").equals(fitted.predict())
    table.drop(columns=["churn", "tier"]).to_csv(path, index=False)
    assert fitted.predict(graph="tables:later").equals(fitted.predict())
