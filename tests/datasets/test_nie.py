"""Sets of node importance: published counts, released hypergraphs, damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog import Dataset
from hetgraph.catalog.collection import Files
from hetgraph.catalog.manifest import FileEntry, Manifest
from hetgraph.data import Hypergraph
from hetgraph.data.hypergraph_relations import relation_hypergraph, signature_hypergraph
from hetgraph.datasets.nie import NodeImportanceSets
from hetgraph.errors import DataError, FileFormatError


@pytest.fixture(scope="module")
def fb15k(data_root: Path) -> Dataset:
    return load_dataset("nie/FB15k", root=data_root, cache=False)


@pytest.fixture(scope="module")
def tmdb5k(data_root: Path) -> Dataset:
    return load_dataset("nie/TMDB5K", root=data_root, cache=False)


def test_fb15k_has_the_published_counts(fb15k: Dataset) -> None:
    """Loading compares sizes with the manifest; texts and values are looked at here."""
    graph, values = fb15k.graph, fb15k.values
    assert values is not None
    assert (values.name, values.index.numel()) == ("page views", 14111)
    assert values.target.median() == 25029
    text = graph.text["entity"]
    assert text.null_count == 840
    assert text[0].as_py() == "Sire Records, American record label"
    assert not text.take(values.index.numpy()).null_count  # every labelled node has a text
    assert graph.ids["entity"][1].as_py() == "/m/02gyl0"
    assert fb15k.info["triples"] == "FB15k-237 triples, not FB15k's"
    assert len(graph.schema.reverses) == 237
    own = graph.relation("/location/country/form_of_government")
    src, dst = own.edges()
    names = graph.ids["entity"].to_pylist()
    assert ("/m/027rn", "/m/06cx9") in {(names[a], names[b]) for a, b in zip(src, dst, strict=True)}
    degree = sum(relation.degree for relation in graph.relations.values())
    assert int((degree == 0).sum()) == 410


def test_tmdb5k_has_the_published_counts(tmdb5k: Dataset) -> None:
    graph, values = tmdb5k.graph, tmdb5k.values
    assert values is not None
    assert torch.equal(values.index, torch.arange(4803))
    assert float(values.target.median()) == pytest.approx(12.9216, abs=1e-4)
    assert float(values.target[0]) == 150.437577
    assert set(graph.text) == {"movie", "genre", "country", "type"}
    assert graph.text["type"].to_pylist() == ["movie", "genre", "company", "country", "person"]
    assert tmdb5k.hypergraphs["released"].span("person") == slice(9958, 114800)


@pytest.mark.parametrize("name", ["fb15k", "tmdb5k"])
def test_released_hypergraphs_are_partitions(name: str, request: pytest.FixtureRequest) -> None:
    dataset: Dataset = request.getfixturevalue(name)
    released = dataset.hypergraphs["released"]
    assert released.is_partition
    # One type holds exactly the hyperedges with one member.
    (kind,) = released.edge_type[released.sizes == 1].unique().tolist()
    assert bool((released.sizes[released.edge_type == kind] == 1).all())
    # Hyperedges are numbered by their first node, as the builder numbers them.
    first = torch.full((released.num_edges,), released.num_nodes)
    first = first.scatter_reduce(
        0, released.incidence.indices.long(), torch.arange(released.num_nodes), "amin"
    )
    assert bool((first.diff() > 0).all())


def test_the_signature_of_fb15k_237_is_like_the_released_one(fb15k: Dataset) -> None:
    """Not equal: the released partition comes from all triples of FB15k, of which half are here."""
    signatures = signature_hypergraph(fb15k.graph)
    sizes = (signatures.num_edges, int((signatures.sizes == 1).sum()), int(signatures.sizes.max()))
    assert sizes == (10107, 9275, 410)  # the largest are the nodes without an edge
    relations = relation_hypergraph(fb15k.graph).incidence
    assert relations.nnz == 150508
    assert _mean_jaccard(fb15k.hypergraphs["released"], relations.to_dense()) > 0.9
    assert _mean_jaccard(_shuffled(fb15k.hypergraphs["released"]), relations.to_dense()) < 0.2


def _mean_jaccard(hypergraph: Hypergraph, touched: torch.Tensor) -> float:
    """How alike the relations of the first two members of a hyperedge are, on average."""
    several = (hypergraph.sizes > 1).nonzero().squeeze(1)
    start = hypergraph.members.indptr.long()[several]
    one, other = (touched[hypergraph.members.indices[start + k].long()] > 0 for k in (0, 1))
    common, either = (one & other).sum(1), (one | other).sum(1)
    return float((common[either > 0] / either[either > 0]).mean())


def _shuffled(hypergraph: Hypergraph) -> Hypergraph:
    order = torch.randperm(hypergraph.num_nodes, generator=torch.Generator().manual_seed(0))
    return Hypergraph.from_pairs(
        order,
        hypergraph.incidence.indices,
        hypergraph.edge_type,
        num_nodes=hypergraph.node_types,
        type_names=hypergraph.type_names,
    )


def test_the_cache_gives_the_same_set(tmdb5k: Dataset, data_root: Path) -> None:
    load_dataset("nie/TMDB5K", root=data_root)
    again = load_dataset("nie/TMDB5K", root=data_root)
    assert again.values is not None
    assert tmdb5k.values is not None
    assert again.task == "node-importance"
    assert torch.equal(again.values.target, tmdb5k.values.target)
    one, other = again.hypergraphs["released"], tmdb5k.hypergraphs["released"]
    assert torch.equal(one.incidence.indices, other.incidence.indices)
    assert torch.equal(one.edge_type, other.edge_type)


# ------------------------------------------------------------------- the format, by a tiny set


@pytest.fixture
def tiny(tmp_path: Path) -> Files:
    """Three entities, the second without label and text, and two triples in the other folder."""
    folder, other = tmp_path / "nie" / "FB15k", tmp_path / "kg" / "FB15k-237"
    folder.mkdir(parents=True)
    other.mkdir(parents=True)
    (folder / "node_infos.tsv").write_text(
        "mid\tpageviews\tentity_name\twiki_url\tvalid\n"
        '/m/a\t7\tThe_"A"\thttp://a\t1\n/m/b\t0\t\t\t0\n/m/c\t1\tC\thttp://c\t1\n'
    )
    (folder / "fb15k_description.tsv").write_text(
        'node_id\tmid\tnode_description\n0\t/m/a\tThe "A", a letter\n1\t/m/b\t\\N\n2\t/m/c\tC\n'
    )
    np.save(folder / "node_hyperedge_array.npy", np.array([[0, 0], [1, 1], [2, 0]]))
    np.save(folder / "hyperedge_types.npy", np.array([1, 0]))
    for name, text in (("train", "/m/a\tr\t/m/c\r\n"), ("valid", ""), ("test", "/m/c\tq\t/m/a\n")):
        (other / f"{name}.txt").write_text(text)
    shared = [
        FileEntry(f"{split}.txt", 0, "", (), "kg/FB15k-237") for split in ("train", "valid", "test")
    ]
    return Files(folder, Manifest("nie", "FB15k", files=tuple(shared)))


def test_a_tiny_set_is_read_exactly(tiny: Files) -> None:
    dataset = NodeImportanceSets().load("FB15k", tiny)
    assert dataset.values is not None
    assert dataset.values.index.tolist() == [0, 2]
    assert dataset.values.target.tolist() == [7.0, 1.0]
    assert dataset.graph.text["entity"].to_pylist() == ['The "A", a letter', None, "C"]
    edges = {
        key.name: torch.stack(relation.edges()).tolist()
        for key, relation in dataset.graph.relations.items()
    }
    assert edges == {"q": [[2], [0]], "r": [[0], [2]], "rev_q": [[0], [2]], "rev_r": [[2], [0]]}
    assert dataset.hypergraphs["released"].members.indices.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("node_infos.tsv", "pageviews", "views", "does not begin with the header"),
        ("node_infos.tsv", "7", "seven", "damaged"),
        ("fb15k_description.tsv", "/m/b", "/m/d", "different entities"),
        ("../../kg/FB15k-237/test.txt", "/m/c", "/m/d", "/m/d is not an entity"),
        ("../../kg/FB15k-237/test.txt", "q\t", "", "damaged"),
    ],
)
def test_damaged_tables_are_told(tiny: Files, name: str, old: str, new: str, message: str) -> None:
    path = tiny.folder / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(FileFormatError, match=message):
        NodeImportanceSets().load("FB15k", tiny)


def test_damaged_arrays_are_told(tiny: Files) -> None:
    pairs = tiny.folder / "node_hyperedge_array.npy"
    np.save(pairs, np.array([[0, 0], [1, 2], [2, 0]]))
    with pytest.raises(DataError, match="column 2 is outside"):
        NodeImportanceSets().load("FB15k", tiny)
    np.save(pairs, np.array([0, 1]))
    with pytest.raises(FileFormatError, match="expected \\[n, 2\\]"):
        NodeImportanceSets().load("FB15k", tiny)
    np.save(pairs, np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(FileFormatError, match="damaged"):
        NodeImportanceSets().load("FB15k", tiny)
