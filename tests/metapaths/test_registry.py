import importlib
import sys
from pathlib import Path

import pytest
import torch

import hetgraph
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.errors import ConfigError, FileFormatError, MetaPathError
from hetgraph.metapaths import compose
from hetgraph.metapaths import registry as metapath_registry
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.registry import (
    metapath_names,
    read_metapath_file,
    register_metapath,
    register_metapath_file,
    resolve_metapaths,
)


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(metapath_registry, "_registered", {})


@pytest.fixture
def graph(toy_graph):
    return toy_graph


def resolve(graph, *requested, **options):
    return resolve_metapaths(graph, "toy/set", requested, **options)


def parse(graph, text):
    return MetaPath.parse(text, graph.schema)


def test_it_is_public():
    assert hetgraph.register_metapath is register_metapath


def test_texts_need_no_registration(graph):
    actual = resolve(graph, "author -writes> paper-author", "author-paper-venue")
    assert list(actual) == ["author-paper-author", "author-paper-venue"]
    assert actual["author-paper-author"] == parse(graph, "author-paper-author")


def test_names_for_one_set_and_for_all(graph):
    register_metapath("toy/set", "apa", "author-paper-author")
    register_metapath("*", "apv", parse(graph, "author-paper-venue"))
    register_metapath("other/set", "vp", "venue-paper")
    assert metapath_names("toy/set") == ("apa", "apv")
    actual = resolve(graph, "apv", "apa")
    assert list(actual) == ["apv", "apa"]
    assert actual["apa"] == parse(graph, "author-paper-author")
    with pytest.raises(MetaPathError, match=r"unknown meta-path 'vp' for 'toy/set'"):
        resolve(graph, "vp")


def test_later_registration_replaces(graph):
    register_metapath("toy/set", "x", "author-paper")
    register_metapath("toy/set", "x", "paper-venue")
    assert resolve(graph, "x")["x"] == parse(graph, "paper-venue")


def test_the_more_specific_registration_wins(graph):
    declared = {"x": "author-paper", "y": "author-paper"}
    register_metapath("*", "x", "paper-venue")
    assert resolve(graph, "x", declared=declared)["x"] == parse(graph, "author-paper")
    register_metapath("toy/set", "x", "venue-paper")
    assert resolve(graph, "x", declared=declared)["x"] == parse(graph, "venue-paper")


def test_no_request_stands_for_the_declared_paths(graph):
    register_metapath("toy/set", "extra", "author-paper")
    assert resolve(graph) == {}
    assert list(resolve(graph, declared={"apa": "author-paper-author"})) == ["apa"]


def test_named_texts(graph):
    actual = resolve(graph, "mine = author-paper", "mine=author-paper-author")
    assert actual == {"mine": parse(graph, "author-paper-author")}
    actual = resolve(graph, "to-venue & back=paper -published_at> venue-paper")
    assert actual == {"to-venue & back": parse(graph, "paper-venue-paper")}


def test_types_with_an_equals_sign_are_no_names(toy_graph):
    odd = EdgeType("author", "r", "x=y")
    relation = Relation.from_edges(torch.tensor([0]), torch.tensor([0]), 2, 1)
    counts = {**toy_graph.num_nodes, "x=y": 1}
    graph = HeteroGraph(num_nodes=counts, relations={**toy_graph.relations, odd: relation})
    assert list(resolve(graph, "author-x=y")) == ["author-x=y"]
    assert resolve(graph, "named=author-x=y") == {"named": parse(graph, "author-x=y")}


def test_a_misspelt_name_and_a_misspelt_text(graph):
    register_metapath("toy/set", "apa", "author-paper-author")
    with pytest.raises(MetaPathError, match=r"unknown meta-path 'apaa'.*Did you mean 'apa'"):
        resolve(graph, "apaa")
    with pytest.raises(MetaPathError, match="column 8: 'papr' is not a node type"):
        resolve(graph, "author-papr")
    register_metapath("toy/set", "wrong", "nobody-paper")
    with pytest.raises(MetaPathError, match="'nobody' is not a node type"):
        resolve(graph, "wrong")


def test_functions_of_the_graph(graph):
    near = Relation.from_edges(torch.tensor([0]), torch.tensor([1]), 2, 2)
    register_metapath("toy/set", "text", lambda g: "-".join(g.node_types[:2]))
    register_metapath("toy/set", "path", lambda g: parse(g, "paper-venue"))
    register_metapath("toy/set", "near", lambda g: near)
    register_metapath("toy/set", "typed", lambda g: ("author", "author", near))
    actual = resolve(graph, "text", "path", "near", "typed")
    assert actual["text"] == parse(graph, "author-paper")
    assert actual["path"] == parse(graph, "paper-venue")
    assert torch.equal(compose(graph, actual["near"]).to_dense(), near.to_dense())
    assert actual["typed"].node_types == ("author", "author")
    longer = actual["near"] + parse(graph, "author-paper")
    assert compose(graph, longer).shape == (3, 2)


def test_functions_that_return_something_else(graph):
    register_metapath("toy/set", "none", lambda g: None)
    with pytest.raises(MetaPathError, match="returned a NoneType"):
        resolve(graph, "none")
    odd = Relation.from_edges(torch.tensor([0]), torch.tensor([1]), 2, 7)
    register_metapath("toy/set", "odd", lambda g: odd)
    with pytest.raises(MetaPathError, match=r"7 x 2, which leaves its end type open"):
        resolve(graph, "odd")


@pytest.mark.parametrize("arguments", [("", "x", "a-b"), ("s", 3, "a-b"), ("s", "x", 3)])
def test_bad_registrations(arguments):
    with pytest.raises(ConfigError, match="register_metapath: "):
        register_metapath(*arguments)


def test_yaml_by_data_set(graph, tmp_path):
    file = tmp_path / "paths.yaml"
    file.write_text(
        "toy/set:\n  apa: author-paper-author\n'*':\n  apv: author-paper-venue\nb/c:\n  x: a-b\n"
    )
    assert list(resolve(graph, str(file))) == ["apv", "apa"]
    register_metapath_file(file)
    assert metapath_names("toy/set") == ("apa", "apv")
    assert metapath_names("b/c") == ("apv", "x")
    assert resolve(graph, "apa")["apa"] == parse(graph, "author-paper-author")


def test_yaml_of_names_alone(graph, tmp_path):
    file = tmp_path / "paths.yml"
    file.write_text("apa: author-paper-author\n")
    assert read_metapath_file(file) == {"*": {"apa": "author-paper-author"}}
    assert list(resolve(graph, str(file))) == ["apa"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "cannot be read as YAML"),
        ("", "must map names to meta-paths"),
        ("- a-b", "must map names to meta-paths"),
        ("toy/set: 3", "must map names to texts"),
        ("toy/set:\n  x: 3", "must map names to texts"),
        ("toy/set: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_bad_yaml_is_one_line(tmp_path, content, message):
    file = tmp_path / "paths.yaml"
    file.write_text(content)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_metapath_file(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_yaml_and_yaml_of_another_set(graph, tmp_path):
    with pytest.raises(FileFormatError, match=r"none\.yaml"):
        resolve(graph, str(tmp_path / "none.yaml"))
    file = tmp_path / "paths.yaml"
    file.write_text("toy/sets:\n  x: author-paper\n")
    with pytest.raises(MetaPathError, match="Did you mean 'toy/sets'"):
        resolve(graph, str(file))


PLUGIN = """
from pathlib import Path
ONE = "author-paper-author"
MANY = {"toy/set": {"apv": "author-paper-venue", "made": lambda graph: "paper-venue"}}
FILE = Path(__file__).with_name("paths.yaml")
WRONG = 3
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> Path:
    """An installed package with entry points: a module and its metadata on the path."""
    (tmp_path / "toy_plugin.py").write_text(PLUGIN)
    (tmp_path / "paths.yaml").write_text("toy/set:\n  pv: paper-venue\n")
    info = tmp_path / "toy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[hetgraph.metapaths]\napa = toy_plugin:ONE\nmany = toy_plugin:MANY\n"
        "file = toy_plugin:FILE\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield info
    sys.modules.pop("toy_plugin", None)


def test_other_packages_plug_in(graph, plugin):
    assert metapath_names("toy/set") == ("apa", "apv", "made", "pv")
    assert metapath_names("any/other") == ("apa",)
    actual = resolve(graph, "apa", "apv", "made", "pv")
    assert [str(path) for path in actual.values()] == [
        "author-paper-author",
        "author-paper-venue",
        "paper-venue",
        "paper-venue",
    ]
    register_metapath("*", "apa", "author-paper")
    assert str(resolve(graph, "apa")["apa"]) == "author-paper"


@pytest.mark.parametrize("target", ["toy_plugin:WRONG", "toy_plugin:MISSING", "no_such_module:X"])
def test_a_broken_plugin_does_not_break_the_rest(graph, plugin, target):
    (plugin / "entry_points.txt").write_text(
        f"[hetgraph.metapaths]\napa = toy_plugin:ONE\nbad = {target}\n"
    )
    importlib.invalidate_caches()
    with pytest.warns(UserWarning, match="'bad' of hetgraph.metapaths is skipped"):
        assert list(resolve(graph, "apa")) == ["apa"]
