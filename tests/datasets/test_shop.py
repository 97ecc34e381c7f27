"""The generated shop: the same in every form, with dirt and with signal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
import yaml

import hetgraph
from hetgraph import load_dataset
from hetgraph.catalog import EdgeValues, Labels, Links, Values
from hetgraph.catalog.own_files import make_files
from hetgraph.errors import ConfigError
from hetgraph.files import OutputError

shop_tables = import_module("hetgraph.datasets._shop_tables")
BUYS = ("user", "buys", "item")
SMALL = {"users": 120, "items": 40}


@pytest.fixture(scope="module")
def shop() -> Any:
    return shop_tables.make_shop(shop_tables.ShopConfig(users=1500, items=300, seed=3))


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_folder_loads_with_all_of_its_targets(tmp_path: Path) -> None:
    folder = make_files("shop", tmp_path / "shop", **SMALL)
    dataset = load_dataset(f"tables:{folder}")
    graph = dataset.graph
    assert graph.num_nodes["user"] == 120
    assert graph.num_nodes["item"] == 40
    assert graph.features.keys() == {"user", "item"}
    assert graph.relation("buys").edge_time is not None
    kinds = {name: type(target) for name, target in dataset.targets.items()}
    assert kinds == {
        "tier": Labels,
        "churn": Labels,
        "tags": Labels,
        "sales": Values,
        "rating": EdgeValues,
    }
    assert dataset.labels is not None
    assert dataset.labels.class_names == ("bronze", "silver", "gold")
    tags = dataset.targets["tags"]
    assert isinstance(tags, Labels)
    assert tags.multi_label
    links = load_dataset(f"tables:{folder}", target="buys").targets["buys"]
    assert isinstance(links, Links)
    assert links.test is not None
    assert links.test.shape[1] > 0


def test_the_seed_decides(tmp_path: Path) -> None:
    first, second, third = (
        files(make_files("shop", tmp_path / str(number), seed=seed, **SMALL))
        for number, seed in enumerate((1, 1, 2))
    )
    assert first == second
    assert first.keys() == third.keys()
    assert not [name for name in first if first[name] == third[name] and "brand.csv" not in name][
        1:
    ]


def test_the_dirt_of_real_data(shop: Any) -> None:
    user, item, buys = shop.nodes["user"], shop.nodes["item"], shop.edges[BUYS]
    for table, column, fraction in (
        (user, "age", 0.15),
        (user, "city", 0.1),
        (user, "tier", 0.25),
        (user, "churn", 0.25),
        (item, "tags", 0.05),
        (item, "sales", 0.2),
        (buys, "rating", 0.3),
    ):
        assert table[column].null_count / len(table) == pytest.approx(fraction, abs=0.05)
    for key, table in shop.edges.items():
        rows = len(set(zip(*(column.to_pylist() for column in table.columns), strict=True)))
        assert 0 < len(table) - rows < 0.03 * len(table), key
    branded = pc.unique(shop.edges["item", "made_by", "brand"]["src"])
    assert 0.9 * len(item) < len(branded) < len(item)
    assert "NA" in shop.nodes["brand"]["id"].to_pylist()
    assert {"東京", "Łódź"} <= set(user["city"].to_pylist())
    assert item["id"][0].as_py().startswith("000")
    assert pa.types.is_date(user["joined"].type)


def test_a_clean_shop_has_none_of_it() -> None:
    clean = shop_tables.make_shop(shop_tables.ShopConfig(users=300, items=60, clean=True))
    for table in (*clean.nodes.values(), *clean.edges.values()):
        assert not any(column.null_count for column in table.columns)
    for key, table in clean.edges.items():
        if "time" in table.column_names:
            rows = len(set(zip(*(column.to_pylist() for column in table.columns), strict=True)))
            assert rows == len(table), key
    assert len(clean.edges["item", "made_by", "brand"]) == 60


def _rows(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    rows: np.ndarray[Any, Any] = pc.index_in(ids, value_set=known.combine_chunks()).to_numpy()
    return rows


def test_who_buys_little_leaves(shop: Any) -> None:
    user, buys = shop.nodes["user"], shop.edges[BUYS]
    count = dict.fromkeys(user["id"].to_pylist(), 0)
    for buyer in buys["src"].to_pylist():
        count[buyer] += 1
    left = {word: [] for word in ("yes", "no")}
    for name, word in zip(user["id"].to_pylist(), user["churn"].to_pylist(), strict=True):
        left.get(word, []).append(count[name])
    assert 0.2 < len(left["yes"]) / (len(left["yes"]) + len(left["no"])) < 0.5
    assert np.mean(left["yes"]) < 0.7 * np.mean(left["no"])


def test_purchases_tell_the_tier(shop: Any) -> None:
    """The mean relative price of a user's purchases separates the tiers, age hardly does."""
    user, item, buys = shop.nodes["user"], shop.nodes["item"], shop.edges[BUYS]
    price = np.log(item["price"].to_numpy())
    category = np.array(item["category"].to_pylist())
    for name in set(category):
        price[category == name] -= price[category == name].mean()
    buyer, bought = _rows(buys["src"], user["id"]), _rows(buys["dst"], item["id"])
    total = np.bincount(buyer, price[bought], len(user))
    mean = total / np.bincount(buyer, minlength=len(user)).clip(1)
    tier = np.array(user["tier"].fill_null("").to_pylist())
    means = [mean[tier == name].mean() for name in shop_tables.TIERS]
    assert means[0] + 0.2 < means[1] < means[2] - 0.1
    known = tier != ""
    ranks = np.argsort(np.argsort(mean[known])) / known.sum()
    guess = np.searchsorted((0.5, 0.8), ranks, side="right")
    truth = np.array([shop_tables.TIERS.index(name) for name in tier[known]])
    assert (guess == truth).mean() > 0.6  # The largest class is half of all.


def test_tastes_tell_purchases_and_quality_tells_ratings(shop: Any) -> None:
    user, item, buys = shop.nodes["user"], shop.nodes["item"], shop.edges[BUYS]
    buyer, bought = _rows(buys["src"], user["id"]), _rows(buys["dst"], item["id"])
    category = np.unique(np.array(item["category"].to_pylist()), return_inverse=True)[1]
    counts = np.zeros((len(user), 6))
    odd = np.arange(len(buyer)) % 2 == 1
    np.add.at(counts, (buyer[odd], category[bought[odd]]), 1)
    several = counts[buyer[~odd]].sum(1) > 3
    same = counts.argmax(1)[buyer[~odd]] == category[bought[~odd]]
    assert same[several].mean() > 0.4  # One category in six by chance.
    rating = buys["rating"].to_numpy()
    known = ~np.isnan(rating)
    assert set(rating[known]) == {1, 2, 3, 4, 5}
    first, second = known & odd, known & ~odd
    mean = np.bincount(bought[first], rating[first], len(item))
    mean /= np.bincount(bought[first], minlength=len(item)).clip(1)
    assert np.corrcoef(mean[bought[second]], rating[second])[0, 1] > 0.5


def test_times_follow_joining_and_the_followed_are_alike(shop: Any) -> None:
    user, buys = shop.nodes["user"], shop.edges[BUYS]
    buyer = _rows(buys["src"], user["id"])
    joined = user["joined"].cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
    assert (buys["time"].to_numpy() >= joined[buyer]).all()
    follows = shop.edges["user", "follows", "user"]
    src, dst = _rows(follows["src"], user["id"]), _rows(follows["dst"], user["id"])
    assert (src != dst).all()
    tier = np.array(user["tier"].fill_null("").to_pylist())
    known = (tier[src] != "") & (tier[dst] != "")
    assert (tier[src] == tier[dst])[known].mean() > 0.7


# ------------------------------------------------------------------------------ databases


def as_text(column: pa.ChunkedArray) -> list[Any]:
    is_date = pa.types.is_temporal(column.type)
    values: list[Any] = (column.cast(pa.string()) if is_date else column).to_pylist()
    return values


@pytest.mark.parametrize("form", ["sqlite", "duckdb"])
def test_a_database_holds_the_same_rows_and_knows_its_keys(form: str, tmp_path: Path) -> None:
    if form == "duckdb":
        duckdb = pytest.importorskip("duckdb")
    folder = make_files("shop", tmp_path / "tables", seed=5, **SMALL)
    database = make_files("shop", tmp_path / form, seed=5, form=form, **SMALL)
    spec = yaml.safe_load((folder / "tables.yaml").read_text())
    beside = yaml.safe_load((database / "shop.yaml").read_text())
    assert {key: spec[key] for key in ("labels", "values", "links", "edge_values", "target")} == {
        key: beside[key] for key in ("labels", "values", "links", "edge_values", "target")
    }
    entries = [*zip(spec["nodes"].values(), beside["nodes"].values(), strict=True)]
    entries += [*zip(spec["edges"], beside["edges"], strict=True)]
    path = database / ("shop.db" if form == "sqlite" else "shop.duckdb")
    open_ = sqlite3.connect if form == "sqlite" else duckdb.connect
    with closing(open_(str(path))) as connection:
        for mine, theirs in entries:
            file = folder / mine["file"]
            table = pq.read_table(file) if file.suffix == ".parquet" else _csv(file)
            name = theirs["file"]
            cursor = connection.execute(f'SELECT * FROM "{name}"')
            names = [described[0] for described in cursor.description]
            columns = [*zip(*cursor.fetchall(), strict=True)]
            if "type" in mine:
                assert names[:2] == [theirs["src"], theirs["dst"]]
            else:
                assert names == table.column_names
            for given, expected in zip(columns, table.columns, strict=True):
                dates = pa.types.is_temporal(expected.type)
                assert [str(v) if dates else v for v in given] == as_text(expected)
    if form == "sqlite":
        with closing(sqlite3.connect(path)) as connection:
            keys = connection.execute("PRAGMA foreign_key_list('buys')").fetchall()
            assert {(key[2], key[3], key[4]) for key in keys} == {
                ("user", "user_id", "id"),
                ("item", "item_id", "id"),
            }
            info = connection.execute("PRAGMA table_info('item')").fetchall()
            assert [column[1] for column in info if column[5]] == ["id"]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("target", ["", "buys"])
def test_every_form_gives_the_same_graph_and_targets(target: str, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    sources = {"tables": "", "sqlite": "/shop.db", "duckdb": "/shop.duckdb"}
    datasets = [
        load_dataset(
            f"{form}:{make_files('shop', tmp_path / form, form=form, **SMALL)}{file}",
            target=target,
            cache=False,
        )
        for form, file in sources.items()
    ]
    assert len({dataset.graph.content_hash for dataset in datasets}) == 1
    assert len({dataset.sha256 for dataset in datasets}) == 1


def _csv(path: Path) -> pa.Table:
    convert = pcsv.ConvertOptions(
        column_types={"id": pa.int64() if path.stem == "user" else pa.string()},
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=False,
    )
    names = pcsv.read_csv(path).column_names
    for end, kind in zip(("src", "dst"), path.stem.split("__")[::2], strict=False):
        if end in names:
            convert.column_types |= {end: pa.int64() if kind == "user" else pa.string()}
    return pcsv.read_csv(path, convert_options=convert)


# ------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("shpo", {}, "no files are generated for 'shpo'. Did you mean 'shop'?"),
        ("hgb", {}, "no files are generated for 'hgb'"),
        ("shop", {"usres": 5}, "shop has no option 'usres'. Did you mean 'users'?"),
        ("shop", {"users": 3}, "users is 3, expected a whole number from 20 on"),
        ("shop", {"items": 0}, "items is 0"),
        ("shop", {"seed": -1}, "seed is -1, expected a whole number from 0 on"),
        ("shop", {"form": "sqlit"}, "form 'sqlit' is unknown. Did you mean 'sqlite'?"),
    ],
)
def test_bad_options_leave_nothing(
    name: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_files(name, tmp_path / "new", **options)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    make_files("shop", tmp_path, **SMALL)  # An empty folder may be there.
    before = files(tmp_path)
    with pytest.raises(OutputError, match="not empty"):
        make_files("shop", tmp_path, seed=1, **SMALL)
    assert files(tmp_path) == before


def test_a_shop_is_no_data_set_of_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="then use tables:FOLDER"):
        load_dataset(f"shop:{tmp_path}")
    with pytest.raises(ConfigError, match="unknown data set 'shop/small'"):
        load_dataset("shop/small")


def test_a_model_learns_from_it(tmp_path: Path) -> None:
    """The tier, from purchases: the area under the curve is one half by chance."""
    folder = make_files("shop", tmp_path / "shop", users=400, items=100, seed=1)
    settings = {"train": {"max_epochs": 60, "device": "cpu"}, "model": {"hidden_dim": 16}}
    out = tmp_path / "run"
    record = hetgraph.run("rgcn", f"tables:{folder}", settings=settings, out=out, progress=False)
    assert record.metrics["test"]["auc"] > 0.6
