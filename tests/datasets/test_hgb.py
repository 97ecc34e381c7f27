from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from hetgraph import load_dataset
from hetgraph.catalog.loading import dataset_task, load_graph
from hetgraph.data import CSR, EdgeType
from hetgraph.errors import FileFormatError

Tiny = Callable[..., Path]


@pytest.mark.parametrize("name", ["ACM", "DBLP", "IMDB", "AMiner", "LastFM"])
def test_real_set_matches_every_published_count(name: str, data_root: Path) -> None:
    # load_dataset compares nodes, widths, edges, classes and splits with the manifest.
    dataset = load_dataset(f"hgb/{name}", root=data_root, cache=False)
    assert dataset.metapaths
    for first, second in dataset.graph.schema.reverses:
        assert dataset.graph.schema.reverse_of(first) == second
    assert all(dataset.graph.schema.reverse_of(key) for key in dataset.graph.edge_types)


def test_real_dblp_equals_a_plain_reader(data_root: Path) -> None:
    dataset = load_dataset("hgb/DBLP", root=data_root, cache=False)
    start = {"author": 0, "paper": 4057, "term": 18385}
    with zipfile.ZipFile(data_root / "hgb/DBLP/DBLP.zip") as archive:
        lines = archive.read("DBLP/node.dat").decode().splitlines()
        links = np.loadtxt(archive.open("DBLP/link.dat"), delimiter="\t")
    # Sparse digits and dense decimals.
    for line, kind in ((0, "author"), (4056, "author"), (5000, "paper"), (20000, "term")):
        expected = np.array(lines[line].split("\t")[3].split(","), dtype=np.float32)
        features = dataset.graph.features[kind]
        row = torch.tensor([line - start[kind]])
        loaded = features.rows(row).to_dense() if isinstance(features, CSR) else features[row]
        np.testing.assert_array_equal(loaded[0].numpy(), expected)
        if kind == "author":
            assert dataset.graph.text[kind][int(row)].as_py() == lines[line].split("\t")[1]
    assert "paper" not in dataset.graph.text  # Their names are empty in the file.
    venue = dataset.graph.relation(("paper", "published_in", "venue"))
    src, dst = venue.edges()
    expected_pairs = links[links[:, 2] == 2][:, :2].astype(int) - [4057, 26108]
    assert set(zip(src.tolist(), dst.tolist(), strict=True)) == set(map(tuple, expected_pairs))


def test_lastfm_holds_no_test_link(data_root: Path) -> None:
    dataset = load_dataset("hgb/LastFM", root=data_root, cache=False)
    split = dataset.links["default"]
    relation = dataset.graph.relation(split.edge_type)
    src, dst = relation.edges()
    known = set((src * relation.num_dst + dst).tolist())
    held_out = set((split.test[0] * relation.num_dst + split.test[1]).tolist())
    assert len(held_out) == 18567
    assert not known & held_out
    assert dataset.task == dataset_task("hgb/LastFM") == "link-prediction"


def test_the_task_of_a_set_follows_from_its_files(tiny_hgb: Tiny) -> None:
    folder = tiny_hgb()
    assert dataset_task("hgb/DBLP") == "node-classification"
    assert dataset_task(f"hgb:{folder}") == "node-classification"
    assert load_dataset(f"hgb:{folder}").task == ""
    held = {"label.dat": None, "label.dat.test": None, "link.dat.test": "2\t3\t0\t1.0\n"}
    folder = tiny_hgb(held)
    assert dataset_task(f"hgb:{folder}") == load_dataset(f"hgb:{folder}").task == "link-prediction"
    assert dataset_task("hgb:./nowhere") == "node-classification"  # loading it tells what is wrong


def test_tiny_set_is_read_exactly(tiny_hgb: Tiny) -> None:
    dataset = load_dataset(f"hgb:{tiny_hgb()}")
    graph = dataset.graph
    assert dict(graph.num_nodes) == {"movie": 3, "actor": 2, "keyword": 1}
    expected = torch.zeros(3, 9)
    expected[0, 1], expected[0, 3], expected[2, 0], expected[2, 8] = 1.5, -0.2, 1.0, 3.25
    movie = graph.features["movie"]
    assert isinstance(movie, CSR)
    assert torch.equal(movie.to_dense(), expected)
    assert torch.equal(graph.features["actor"], torch.tensor([[1.0, 0.0], [0.0, 7.0]]))
    assert "keyword" not in graph.features
    assert graph.text["movie"].to_pylist() == ["Alpha, the first", "", "Über 'quoted"]
    assert graph.ids["actor"].to_pylist() == [3, 4]
    stars, acts = EdgeType("movie", "stars", "actor"), EdgeType("actor", "acts_in", "movie")
    assert graph.schema.reverse_of(stars) == acts  # Stored in the file.
    tagged = EdgeType("movie", "tagged", "keyword")
    assert graph.schema.reverse_of(tagged) == EdgeType("keyword", "keyword_of", "movie")  # Added.
    assert graph.relation(stars).to_dense().tolist() == [[1, 0, 0], [1, 0, 1]]
    assert dataset.labels is not None
    assert dataset.labels.class_names == ("Drama", "Comedy")
    assert dataset.labels.target.tolist() == [1, 0]
    split = dataset.splits["default"]
    assert (split.train.tolist(), split.valid, split.test.tolist()) == ([0], None, [2])


def test_windows_line_ends_and_a_missing_last_newline(tiny_hgb: Tiny) -> None:
    folder = tiny_hgb()
    expected = load_dataset(f"hgb:{folder}", cache=False)
    for name in ("node.dat", "link.dat", "label.dat", "label.dat.test"):
        text = (folder / name).read_bytes().replace(b"\n", b"\r\n").removesuffix(b"\r\n")
        (folder / name).write_bytes(text)
    loaded = load_dataset(f"hgb:{folder}", cache=False)
    assert loaded.graph.content_hash == expected.graph.content_hash


def test_zip_gives_the_same_graph_as_the_folder(tiny_hgb: Tiny, tmp_path: Path) -> None:
    folder = tiny_hgb()
    archive = tmp_path / "zipped" / "set.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("__MACOSX/tiny/._node.dat", b"junk")
        for file in folder.iterdir():
            writer.write(file, f"tiny/{file.name}")
    expected = load_dataset(f"hgb:{folder}").graph.content_hash
    assert load_dataset(f"hgb:{archive}").graph.content_hash == expected
    assert load_dataset(f"hgb:{archive.parent}").graph.content_hash == expected


def test_several_classes_make_it_multi_label(tiny_hgb: Tiny) -> None:
    several = "0\tA\t0\t1,2\n"
    labels = load_dataset(f"hgb:{tiny_hgb({'label.dat': several})}").labels
    assert labels is not None
    assert labels.multi_label
    assert labels.target.tolist() == [[False, True, True], [True, False, False]]


def test_first_release_is_used_as_the_half_that_it_is(tiny_hgb: Tiny) -> None:
    folder = tiny_hgb()
    (folder / "label.dat.test_full").write_text("1\t\t0\t1\n2\t\t0\t1\n")
    dataset = load_dataset(f"hgb:{folder}")
    assert list(dataset.splits) == ["half"]
    assert dataset.splits["half"].test.tolist() == [2]


def test_mark_of_the_first_release_is_part_of_the_cache_key(tiny_hgb: Tiny) -> None:
    folder = tiny_hgb()
    assert list(load_dataset(f"hgb:{folder}").splits) == ["default"]
    (folder / "label.dat.test_full").touch()
    assert list(load_dataset(f"hgb:{folder}").splits) == ["half"]


def test_a_graph_to_be_asked_about_is_the_cached_data_set(
    tiny_hgb: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    name = f"hgb:{tiny_hgb()}"
    assert load_graph(name, encoders={"x": {}}).sha256 == load_dataset(name).sha256
    assert len(list((tmp_path / "cache").glob("hgb-*"))) == 1


def test_set_without_info_gets_plain_names(tiny_hgb: Tiny) -> None:
    graph = load_dataset(f"hgb:{tiny_hgb({'info.dat': None})}").graph
    assert graph.node_types == ("type0", "type1", "type2")
    assert EdgeType("type0", "to_type1", "type1") in graph.relations


def test_weights_other_than_one_are_kept(tiny_hgb: Tiny) -> None:
    links = "0\t3\t0\t0.5\n2\t4\t0\t2\n"
    graph = load_dataset(f"hgb:{tiny_hgb({'link.dat': links})}").graph
    weight = graph.relation(("movie", "stars", "actor")).weight
    assert weight is not None
    assert weight.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"node.dat": "0\ta\t0\t1,2\n1\tb\t0\t1,2,3\n"}, r"node.dat line 2 has 3 .*expected 2"),
        ({"node.dat": "0\ta\t0\t1,2\n1\tb\t0\t1,x7\n"}, r"node.dat lines 1 to 2.*x7"),
        ({"node.dat": "0\ta\t0\t1,2\n1\tb\n"}, r"node.dat line 2 has 2 tab-separated fields"),
        ({"node.dat": "0\ta\t0\t1,2\n1\tb\t0\n"}, r"node.dat line 2 has no features"),
        ({"node.dat": "0\ta\t0\n2\tb\t0\n"}, r"line 2: node id 2; expected every id of 0..1"),
        ({"node.dat": "0\ta\t0\nx\tb\t0\n"}, r"node.dat line 2: b'x' is not a whole number"),
        ({"node.dat": ""}, r"node.dat is empty"),
        ({"node.dat": None}, r"no node.dat"),
        ({"link.dat": None}, r"no link.dat"),
        ({"link.dat": "0\t3\t0\t1\n0\t99\t0\t1\n"}, r"link.dat line 2: 99 as tail .* 0 to 5"),
        ({"link.dat": "0\t3\t0\t1\n0\t4\n"}, r"link.dat is damaged"),
        ({"link.dat": "0\t3\t0\t1\n0\t5\t0\t1\n"}, r"link type 0 has tails of types actor and key"),
        ({"label.dat": "77\t\t0\t1\n"}, r"label.dat line 1: 77 as labelled node"),
        ({"label.dat": "2\t\t0\t1\n"}, r"node 2 is labelled twice"),
        ({"label.dat": "3\t\t1\t1\n"}, r"labelled nodes of types movie and actor"),
        ({"label.dat": "0\t\t0\tdrama\n"}, r"a class is not a whole number"),
        ({"label.dat": "0\t\t0\t-1\n"}, r"class -1 is negative"),
        ({"label.dat.test": None}, r"no label.dat.test"),
        ({"info.dat": "{"}, r"info.dat is not JSON"),
        ({"link.dat.test": "0\t5\t9\t1\n"}, r"link.dat.test has the link types \[9\]"),
    ],
)
def test_damage_gives_one_clear_line(
    tiny_hgb: Tiny, changes: dict[str, str | None], message: str
) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        load_dataset(f"hgb:{tiny_hgb(changes)}")
    assert "\n" not in str(caught.value)


def test_truncated_zip_gives_one_clear_line(tiny_hgb: Tiny, tmp_path: Path) -> None:
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for file in tiny_hgb().iterdir():
            writer.write(file, f"tiny/{file.name}")
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileFormatError, match="not a readable zip"):
        load_dataset(f"hgb:{archive}")
    broken = bytearray(content)
    broken[60:90] = bytes(30)
    archive.write_bytes(broken)
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_dataset(f"hgb:{archive}")
