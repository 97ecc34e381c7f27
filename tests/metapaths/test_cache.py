import pytest
import torch

from hetgraph.data import Relation
from hetgraph.metapaths import compose
from hetgraph.metapaths.cache import CompositionCache
from hetgraph.metapaths.metapath import MetaPath


def files(folder):
    return sorted((folder / "metapaths").glob("*"))


def refuse(*_args, **_options):
    raise AssertionError("built although it is in the cache")


@pytest.mark.parametrize("weighting", ["binary", "count", "row"])
def test_second_time_comes_from_disk(multigraph, tmp_path, monkeypatch, weighting):
    built = compose(multigraph(weighted=True), "a-b-a", weighting=weighting, cache_dir=tmp_path)
    assert len(files(tmp_path)) == 1
    monkeypatch.setattr("hetgraph.metapaths.composition.Composition.run", refuse)
    again = compose(multigraph(weighted=True), "a-b-a", weighting=weighting, cache_dir=tmp_path)
    assert isinstance(again, Relation)
    assert torch.equal(again.indptr, built.indptr)
    assert torch.equal(again.indices, built.indices)
    assert (again.weight is None) == (built.weight is None)
    assert built.weight is None or torch.equal(again.weight, built.weight)


def test_environment_variable_and_its_absence(multigraph, tmp_path, monkeypatch):
    graph = multigraph()
    monkeypatch.delenv("HETGRAPH_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    compose(graph, "a-b-a")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "kept"))
    compose(graph, "a-b-a")
    assert len(files(tmp_path / "kept")) == 1


def test_everything_that_matters_is_in_the_key(multigraph, tmp_path):
    graph = multigraph()
    for options in ({}, {"weighting": "count"}, {"keep_self_loops": False}):
        for path in ("a-b-a", "a-b-c"):
            compose(graph, path, cache_dir=tmp_path, **options)
    compose(multigraph(seed=1), "a-b-a", cache_dir=tmp_path)
    assert len(files(tmp_path)) == 7
    compose(graph, "a -ab> b <ab- a", cache_dir=tmp_path)  # another text of the same path
    assert len(files(tmp_path)) == 7


def test_custom_relations_are_distinguished_by_content(multigraph, tmp_path):
    graph = multigraph()
    for source in (0, 1, 1):
        near = Relation.from_edges(torch.tensor([source]), torch.tensor([1]), 12, 12)
        path = MetaPath.from_relation(graph.schema, "near", "a", "a", near)
        actual = compose(graph, path, cache_dir=tmp_path)
        assert actual.indices.tolist() == [source]
    assert len(files(tmp_path)) == 2


def test_a_damaged_file_is_rebuilt(multigraph, tmp_path):
    graph = multigraph()
    built = compose(graph, "a-b-a", cache_dir=tmp_path)
    (file,) = files(tmp_path)
    for damage in (b"", file.read_bytes()[:-10], b"no safetensors at all"):
        file.write_bytes(damage)
        assert compose(graph, "a-b-a", cache_dir=tmp_path).nnz == built.nnz
        assert CompositionCache(graph, "binary", True, tmp_path).load(
            MetaPath.parse("a-b-a", graph.schema)
        )


def test_a_folder_that_cannot_be_written_is_a_warning(multigraph, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.warns(UserWarning, match="was composed but not cached"):
        actual = compose(multigraph(), "a-b-a", cache_dir=blocked)
    assert actual.nnz > 0
    assert list(tmp_path.iterdir()) == [blocked]


def test_nothing_is_written_when_the_budget_is_too_small(multigraph, tmp_path):
    with pytest.raises(ValueError, match="memory_budget"):
        compose(multigraph(), "a-b-a", memory_budget=10, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_stored_result_of_another_size_is_a_miss(multigraph, tmp_path):
    """Whatever lies under the right name, no relation of wrong size comes out."""
    graph = multigraph()
    path = MetaPath.parse("a-b-a", graph.schema)
    cache = CompositionCache(graph, "binary", True, tmp_path)
    for rows, cols in ((11, 12), (13, 12)):
        cache.save(path, Relation.from_edges(torch.tensor([0]), torch.tensor([1]), cols, rows))
        assert cache.load(path) is None
    cache.save(path, Relation.from_edges(torch.tensor([0]), torch.tensor([1]), 12, 12))
    assert cache.load(path) is not None
