"""The tables of a generated shop, with signal in them and the dirt of real data.

Every user has a *wealth* ``w ~ N(0, 1)`` and a *taste*, a Dirichlet distribution over six
categories. Every item has a category, a *luxury* ``z ~ N(0, 1)``, a *quality* ``q ~ N(0, 1)`` and a
popularity that falls with its rank like Zipf's law. None of these is in a table. What is:

- *tier*: bronze (50 %), silver (30 %) and gold (20 %) by the rank of ``w`` plus noise of std 0.5.
  It shows weakly in age and city, which depend on ``w``, and more in what a user buys.
- *churn*: whether a user has left. Who buys little and has little wealth leaves; it shows in the
  number and the prices of what a user buys.
- *buys*: user ``u`` buys item ``i`` with a probability proportional to ``popularity_i (0.03 +
  taste_u[category_i]) exp(-(w_u - z_i)^2 / 2)``, repeatedly and from the day of joining on.
- *views*: most purchases follow a view of the item; as many more views again are random, by
  popularity and taste alone.
- *rating*: 1 to 5, ``3 + 0.8 q + 1.2 (taste match) - 0.3 |w - z|`` plus noise of std 0.5.
- *price*: ``exp(0.7 z)`` times a level of the category. *tags* and *title*: words of the category.
- *brand*: makers of one category each. *sales*: a count that grows with popularity and quality.
- *follows*: 70 % of the edges lead to users of the same main taste and tier.

The dirt: missing cells (age, city, tier, churn, rating, tags, sales), repeated rows and items that
have no brand. Always: letters of many languages, ids with leading zeros, a brand named ``NA``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hetgraph.errors import ConfigError

__all__ = ["TIERS", "Shop", "ShopConfig", "make_shop"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TIERS = ("bronze", "silver", "gold")
_TIER_ENDS = (0.5, 0.8)  # Where silver and gold begin among the ranks.
_CITIES = (
    "Nairobi", "Łódź", "Kraków", "İzmir", "São Paulo", "Αθήνα",
    "Québec", "Malmö", "Tromsø", "東京", "Reykjavík", "Zürich",
)  # fmt: skip
_CATEGORIES = ("kitchen", "garden", "books", "audio", "toys", "sport")
_WORDS = (
    ("knife", "pan", "kettle", "grater", "crêpe pan", "whisk"),
    ("spade", "hose", "gnome", "pruner", "jardinière", "seeds"),
    ("novel", "atlas", "poems", "comic", "cookbook", "Märchen"),
    ("speaker", "headphones", "turntable", "amplifier", "cable", "microphone"),
    ("puzzle", "robot", "kite", "blocks", "doll", "piñata"),
    ("ball", "racket", "skis", "helmet", "mat", "kayak"),
)
_STYLES = ("small", "large", "vintage", "light", "sturdy", "blue", "handmade", "naïve")
_LEVELS = np.array([25.0, 30.0, 18.0, 40.0, 20.0, 35.0])  # Typical prices by category.
_MAKERS = (
    "NA",
    "Ørsted & Søn",
    "Nagy",
    "Bløm",
    "Ferreira",
    "山田",
    "Weiß",
    "Óskar",
    "Dupré",
    "Kaya",
)
_DAY, _START, _DAYS = 86_400, 1_640_995_200, 730  # Two years from 2022-01-01 on.
_BLOCK = 1 << 22  # Pairs of user and item at a time.


@dataclass(frozen=True)
class ShopConfig:
    """Size of a shop.

    Args:
        users: Number of users.
        items: Number of items.
        seed: Random seed; the same seed gives the same tables.
        clean: Whether to leave out missing cells, repeated rows and items without a brand.

    Raises:
        ConfigError: If a number is too small.
    """

    users: int = 2000
    items: int = 800
    seed: int = 0
    clean: bool = False

    def __post_init__(self) -> None:
        for name, least in (("users", 20), ("items", 20), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}, expected a whole number from {least} on."
                )


@dataclass(frozen=True)
class Shop:
    """The tables of a shop.

    Args:
        nodes: By node type; the column ``id`` is unique.
        edges: By ``(source, name, destination)``, with columns ``src`` and ``dst``.
    """

    nodes: dict[str, pa.Table]
    edges: dict[tuple[str, str, str], pa.Table]


def make_shop(config: ShopConfig) -> Shop:
    """Returns the tables of a shop.

    The purchases of a user are drawn from all items, so the time grows like users times items.

    Example:
        >>> shop = make_shop(ShopConfig(users=50, items=20))
        >>> shop.nodes["user"].column_names
        ['id', 'age', 'city', 'joined', 'tier', 'churn']
    """
    rng = np.random.default_rng(config.seed)
    users, items = _Users(config.users, rng), _Items(config.items, rng)
    # In the order of ids, as a database returns the rows of a table with a primary key.
    user_ids = pa.array(np.arange(config.users) + 1001)
    item_ids = pa.array([f"{number:06d}" for number in range(1, config.items + 1)])
    brand, brands = _makers(items, rng)
    nodes = {
        "user": _user_table(users, user_ids, rng, config),
        "item": _item_table(items, item_ids, rng, config.clean),
        "brand": pa.table({"id": brands}),
    }
    buys = _buys(users, items, rng, config.clean)
    branded = np.flatnonzero(rng.random(config.items) >= (0.0 if config.clean else 0.05))
    drawn: dict[tuple[str, str, str], _Edges] = {
        ("user", "buys", "item"): buys,
        ("user", "views", "item"): _views(users, items, buys, rng),
        ("item", "made_by", "brand"): _Edges(branded, brand[branded], {}),
        ("user", "follows", "user"): _follows(users, rng),
    }
    ids = {"user": user_ids, "item": item_ids, "brand": nodes["brand"]["id"]}
    edges = {}
    for (src, name, dst), given in drawn.items():
        table = given.table(ids[src], ids[dst])
        edges[src, name, dst] = table if config.clean else _with_repeats(table, rng)
    return Shop(nodes, edges)


@dataclass(frozen=True)
class _Edges:
    """Edges between row numbers, and their columns."""

    src: Ints
    dst: Ints
    columns: dict[str, Any]

    def table(self, src_ids: pa.Array, dst_ids: pa.Array) -> pa.Table:
        """Returns the edges with the ids of their ends."""
        ends = {"src": src_ids.take(pa.array(self.src)), "dst": dst_ids.take(pa.array(self.dst))}
        return pa.table(ends | self.columns)


class _Users:
    """What users are like; see the top of the module."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.wealth = rng.standard_normal(size)
        self.taste = rng.dirichlet([0.3] * len(_CATEGORIES), size=size)
        rank = np.argsort(np.argsort(self.wealth + 0.5 * rng.standard_normal(size))) / size
        self.tier = np.searchsorted(_TIER_ENDS, rank, side="right")
        self.joined = rng.integers(_DAYS - 60, size=size)  # days after the start
        self.activity = np.clip(np.exp(rng.normal(2.2, 0.7, size)).astype(np.int64), 1, 60)


class _Items:
    """What items are like; see the top of the module."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.category = rng.integers(len(_CATEGORIES), size=size)
        self.luxury, self.quality = rng.standard_normal((2, size))
        self.popularity = 1.0 / (rng.permutation(size) + 1) ** 0.7


def _draw(
    users: _Users,
    items: _Items,
    rng: np.random.Generator,
    counts: Ints,
    *,
    by_wealth: bool,
) -> tuple[Ints, Ints]:
    """Draws ``counts[u]`` items for every user ``u``; returns users and items, one row a draw."""
    picked = []
    step = max(1, _BLOCK // items.category.size)
    for start in range(0, counts.size, step):
        block = slice(start, min(start + step, counts.size))
        weight = items.popularity * (0.03 + users.taste[block][:, items.category])
        if by_wealth:
            weight *= np.exp(-((users.wealth[block, None] - items.luxury) ** 2) / 2)
        total = np.cumsum(weight, axis=1)
        rows = np.repeat(np.arange(total.shape[0]), counts[block])
        # All users at once: the sums of user r lie between r and r + 1.
        sums = (total / total[:, -1:] + np.arange(total.shape[0])[:, None]).ravel()
        place = np.searchsorted(sums, rows + rng.random(rows.size), side="right")
        picked.append(np.minimum(place - rows * items.category.size, items.category.size - 1))
    return np.repeat(np.arange(counts.size), counts), np.concatenate(picked)


def _buys(users: _Users, items: _Items, rng: np.random.Generator, clean: bool) -> _Edges:
    """Draws purchases with time, amount and rating."""
    buyer, bought = _draw(users, items, rng, users.activity, by_wealth=True)
    first = users.joined[buyer]
    day = first + (rng.random(buyer.size) * (_DAYS - first)).astype(np.int64)
    match = users.taste[buyer, items.category[bought]] - 0.5
    gap = np.abs(users.wealth[buyer] - items.luxury[bought])
    noise = 0.5 * rng.standard_normal(buyer.size)
    liked = 3 + 0.8 * items.quality[bought] + 1.2 * match - 0.3 * gap + noise
    rating = np.clip(np.rint(liked), 1, 5).astype(np.int64)
    columns = {
        "time": _START + day * _DAY + rng.integers(_DAY, size=buyer.size),
        "amount": 1 + rng.poisson(0.3, size=buyer.size),
        "rating": _with_gaps(rating, rng, 0.0 if clean else 0.3),
    }
    return _Edges(buyer, bought, columns)


def _views(users: _Users, items: _Items, buys: _Edges, rng: np.random.Generator) -> _Edges:
    """Draws views with time and seconds: before purchases, and others."""
    bought = rng.random(buys.src.size) < 0.8
    before = buys.columns["time"] - rng.integers(60, 2 * _DAY, size=buys.src.size)
    viewer, viewed = _draw(users, items, rng, users.activity, by_wealth=False)
    time = [before[bought], _START + rng.integers(_DAYS * _DAY, size=viewer.size)]
    src, dst = [buys.src[bought], viewer], [buys.dst[bought], viewed]
    seconds = np.round(rng.exponential(40.0, size=bought.sum() + viewer.size), 1)
    columns = {"time": np.concatenate(time), "seconds": seconds}
    return _Edges(np.concatenate(src), np.concatenate(dst), columns)


def _follows(users: _Users, rng: np.random.Generator) -> _Edges:
    """Draws about four users that each user follows, never oneself."""
    size = users.wealth.size
    group = users.taste.argmax(axis=1) * len(TIERS) + users.tier
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], group)
    members = np.bincount(group)[group]
    counts = rng.poisson(4.0, size=size)
    src = np.repeat(np.arange(size), counts)
    alike = order[start[src] + (rng.random(src.size) * members[src]).astype(np.int64)]
    dst = np.where(rng.random(src.size) < 0.7, alike, rng.integers(size, size=src.size))
    others = src != dst
    since = _days(rng.integers(_DAYS, size=np.count_nonzero(others)))
    return _Edges(src[others], dst[others], {"since": pa.array(since)})


def _makers(items: _Items, rng: np.random.Generator) -> tuple[Ints, list[str]]:
    """Returns the brand of every item and the names of the brands."""
    per_category = max(1, items.category.size // 120)
    brand = items.category * per_category + rng.integers(per_category, size=items.category.size)
    rank = rng.permutation(per_category * len(_CATEGORIES))
    names = [
        _MAKERS[number] if number < len(_MAKERS) else f"{_MAKERS[number % len(_MAKERS)]} {number}"
        for number in range(rank.size)
    ]
    return rank[brand], sorted(names)


def _user_table(
    users: _Users, ids: pa.Array, rng: np.random.Generator, config: ShopConfig
) -> pa.Table:
    size = users.wealth.size
    age = np.clip(np.rint(40 + 6 * users.wealth + 10 * rng.standard_normal(size)), 16, 90)
    latent = 0.5 * users.wealth + np.sqrt(0.75) * rng.standard_normal(size)
    # The logistic function with this factor is within 1 % of the normal distribution's.
    city = (len(_CITIES) / (1 + np.exp(-1.702 * latent))).astype(np.int64)
    gaps = (0.0, 0.0, 0.0) if config.clean else (0.15, 0.1, 0.25)
    churn = _churn(users, config)
    return pa.table(
        {
            "id": ids,
            "age": _with_gaps(age.astype(np.int64), rng, gaps[0]),
            "city": _with_gaps([_CITIES[code] for code in city], rng, gaps[1]),
            "joined": pa.array(_days(users.joined)),
            "tier": _with_gaps([TIERS[code] for code in users.tier], rng, gaps[2]),
            "churn": churn,
        }
    )


def _churn(users: _Users, config: ShopConfig) -> pa.Array:
    """Whether users have left; drawn apart, so that the other tables stay as they were."""
    rng = np.random.default_rng([config.seed, 1])
    stays = 2.0 * (np.log(users.activity) - 2.2) + users.wealth
    left = rng.random(users.wealth.size) < 1 / (1 + np.exp(1.0 + stays))
    return _with_gaps([("no", "yes")[int(code)] for code in left], rng, 0 if config.clean else 0.25)


def _item_table(items: _Items, ids: pa.Array, rng: np.random.Generator, clean: bool) -> pa.Table:
    size = items.category.size
    sales = rng.poisson(200 * items.popularity**0.5 * np.exp(0.3 * items.quality))
    price = np.round(_LEVELS[items.category] * np.exp(0.7 * items.luxury), 2)
    return pa.table(
        {
            "id": ids,
            "price": price,
            "category": pa.array([_CATEGORIES[code] for code in items.category]),
            "title": pa.array([*_titles(items.category, rng)]),
            "tags": _with_gaps([*_tags(items.category, rng)], rng, 0.0 if clean else 0.05),
            "stock": rng.integers(0, 200, size=size),
            "sales": _with_gaps(sales, rng, 0.0 if clean else 0.2),
        }
    )


def _titles(category: Ints, rng: np.random.Generator) -> Iterator[str]:
    noun, style = (
        rng.integers(6, size=category.size),
        rng.integers(len(_STYLES), size=category.size),
    )
    for code, first, second in zip(category, style, noun, strict=True):
        yield f"{_STYLES[first]} {_WORDS[code][second]}"


def _tags(category: Ints, rng: np.random.Generator) -> Iterator[str]:
    """Yields the category, sometimes with the next one and ``sale``."""
    more, sale = rng.random(category.size) < 0.3, rng.random(category.size) < 0.2
    for code, wide, cheap in zip(category, more, sale, strict=True):
        tags = [_CATEGORIES[code]]
        tags += [_CATEGORIES[(code + 1) % len(_CATEGORIES)]] if wide else []
        yield "|".join(tags + (["sale"] if cheap else []))


def _days(days: Ints) -> npt.NDArray[np.datetime64]:
    """Returns days after the start as dates."""
    return np.datetime64("2022-01-01") + days.astype("timedelta64[D]")


def _with_gaps(values: Any, rng: np.random.Generator, fraction: float) -> pa.Array:
    """Returns a column in which a fraction of the cells is missing."""
    column = pa.array(values)
    gone = rng.random(len(column)) < fraction
    return pa.array(column.to_pylist(), column.type, mask=gone)


def _with_repeats(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Returns a table in which one row in a hundred occurs twice."""
    again = np.flatnonzero(rng.random(table.num_rows) < 0.01)
    rows = np.sort(np.concatenate([np.arange(table.num_rows), again]))
    return table.take(pa.array(rows))
