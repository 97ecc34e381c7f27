"""Composed edges of the real GTN sets, counted and summed."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from hetgraph import load_dataset
from hetgraph.data import CSR
from hetgraph.models.latte.links import Link, compose, pattern_of

SECOND = {
    "ACM": {"PAP": 29_436, "PSP": 2_200_581, "APA": 32_996, "APS": 7_139, "SPA": 7_139, "SPS": 57},
    "IMDB": {
        "MAM": 91_721, "MDM": 19_655, "AMA": 33_087, "DMA": 13_321, "AMD": 13_321, "DMD": 2_270,
    },
    "DBLP": {"PAP": 339_208, "APA": 11_113, "APC": 9_205, "CPA": 9_205, "CPC": 20},
}  # fmt: skip
SECOND_SUM = {
    "ACM": {"PAP": 4_968.0, "PSP": 1_512.5, "APS": 2_222.274, "SPA": 2_222.274},
    "IMDB": {"MDM": 2_330.5, "MAM": 6_991.5, "DMA": 3_495.75, "AMD": 3_495.75},
    "DBLP": {"PAP": 9_822.5, "APA": 9_822.5, "APC": 7_956.919},
}
THIRD = {
    "ACM": {
        "PAPA": (63_661, 1_940.407), "APAP": (63_661, 1_313.089), "PAPS": (8_126, 918.332),
        "PSPS": (3_025, 22.383),
    },
    "IMDB": {"MAMA": (175_495, 1_784.736), "MDMD": (4_661, 675.638)},
}  # fmt: skip


@functools.cache
def relations(root: Path, name: str, terms: bool = False) -> dict[str, CSR]:
    """First-order relations by the initials of head and tail."""
    options = {"terms": True} if terms else {}
    graph = load_dataset(f"gtn/{name}", root=root, cache=False, **options).graph
    return {
        (key.dst[0] + key.src[0]).upper(): pattern_of(matrix)
        for key, matrix in graph.relations.items()
    }


def walk(single: dict[str, CSR], name: str) -> CSR:
    product = single[name[:2]]
    for at in range(1, len(name) - 1):
        product = compose(product, single[name[at : at + 2]])
    return product


@pytest.mark.parametrize("name", SECOND)
def test_second_order_edges_and_their_values(name, data_root):
    single = relations(data_root, name)
    products = {path: walk(single, path) for path in SECOND[name]}
    assert {path: matrix.nnz for path, matrix in products.items()} == SECOND[name]
    for path, total in SECOND_SUM[name].items():
        assert float(products[path].weight.double().sum()) == pytest.approx(total, abs=2e-3)


@pytest.mark.parametrize("name", THIRD)
def test_third_order_builds_on_values(name, data_root):
    single = relations(data_root, name)
    for path, (nnz, total) in THIRD[name].items():
        product = walk(single, path)
        assert product.nnz == nnz
        assert float(product.weight.double().sum()) == pytest.approx(total, abs=2e-3)


def test_terms_of_dblp(data_root):
    single = relations(data_root, "DBLP", terms=True)
    expected = {"TPT": 295_059, "APT": 90_685, "TPA": 90_685, "CPT": 24_175, "TPC": 24_175}
    assert {path: walk(single, path).nnz for path in expected} == expected


@pytest.mark.slow
def test_the_largest_products(data_root):
    single = relations(data_root, "DBLP", terms=True)
    conferences = walk(single, "PCP")
    assert conferences.nnz == 16_379_950
    assert float(conferences.weight.double().sum()) == pytest.approx(7_164.0, abs=2e-2)
    assert walk(single, "PTP").nnz == 19_522_527


def test_one_subject_or_director_or_conference_each_needs_no_product(data_root):
    for name, path, exact in (
        ("ACM", "PSP", True), ("ACM", "PAP", False), ("IMDB", "MDM", True),
        ("IMDB", "MAM", False), ("DBLP", "PCP", True), ("DBLP", "APC", False),
    ):  # fmt: skip
        single = relations(data_root, name)
        link = Link((single[path[:2]], single[path[1:]]))
        assert link.has_single_walks is exact
        if exact:
            assert link.walks.sum() == {"PSP": 2_200_581, "MDM": 19_655, "PCP": 16_379_950}[path]
