"""Types in language, and the vectors the authors publish."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.data import EdgeSpec, EdgeType, FeatureSpec, Schema
from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.features import HashEncoder
from hetgraph.models.higpt.descriptions import (
    describe_types,
    describe_vectors,
    read_vectors,
    words,
)

WRITES = EdgeType("author", "written_by", "paper")


@pytest.fixture
def schema() -> Schema:
    return Schema(
        {"author": FeatureSpec("none"), "paper": FeatureSpec("none")}, {WRITES: EdgeSpec()}, ()
    )


def test_names_become_words() -> None:
    assert [words(one) for one in ("writtenBy", "written_by", "a.u t", "__")] == [
        "written by",
        "written by",
        "a u t",
        "__",
    ]


def test_every_type_gets_sentences_and_declared_ones_win(schema: Schema) -> None:
    made = describe_types(schema, {"author -written_by> paper": ["One writes the other."]})
    assert list(made) == ["author", "paper", "author -written_by> paper"]
    assert made["author -written_by> paper"] == ("One writes the other.",)
    assert all("author" in one for one in made["author"])
    with pytest.raises(ConfigError, match="Did you mean 'author'"):
        describe_types(schema, {"auther": ["x"]})
    with pytest.raises(ConfigError, match="has no sentence"):
        describe_types(schema, {"author": []})


def test_vectors_are_means_that_are_not_scaled(schema: Schema) -> None:
    encoder = HashEncoder(64)
    actual = describe_vectors(schema, encoder, {"author": ["one two", "three four"]})
    torch.testing.assert_close(
        actual.nodes["author"], encoder.encode(["one two", "three four"]).mean(0)
    )
    assert 0.6 < float(actual.nodes["author"].norm()) < 0.9


def write(folder: Path, nodes: object, edges: object) -> Path:
    torch.save(nodes, folder / "node_type.pt")
    torch.save(edges, folder / "edge_type.pt")
    return folder


def test_published_vectors_are_found_by_their_ends(schema: Schema, tmp_path: Path) -> None:
    nodes = {"writer": torch.ones(4), "paper": torch.zeros(4)}
    write(tmp_path, nodes, {("writer", "to", "paper"): torch.full((4,), 2.0)})
    actual = read_vectors(tmp_path, schema, {"author": "writer"})
    assert float(actual.nodes["author"].sum()) == 4
    assert float(actual.edges[WRITES].sum()) == 8
    with pytest.raises(FileFormatError, match="no vector of the node type 'author'"):
        read_vectors(tmp_path, schema)
    write(tmp_path, {"author": torch.ones(4), "paper": torch.ones(4)}, {})
    with pytest.raises(FileFormatError, match="has 0 vectors for author -written_by> paper"):
        read_vectors(tmp_path, schema)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code ran')",)


def test_a_file_that_asks_for_code_is_refused(schema: Schema, tmp_path: Path) -> None:
    write(tmp_path, {"author": Evil()}, {})
    with pytest.raises(FileFormatError, match="no table of vectors"):
        read_vectors(tmp_path, schema)


def test_the_released_files_are_read(data_root: Path) -> None:
    folder = data_root / "higpt" / "imdb"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    ends = [("movie", "director"), ("director", "movie"), ("movie", "actor"), ("actor", "movie")]
    keys = [EdgeType(src, "to", dst) for src, dst in ends]
    names = ("movie", "director", "actor")
    schema = Schema({n: FeatureSpec("none") for n in names}, dict.fromkeys(keys, EdgeSpec()), ())
    actual = read_vectors(folder, schema)
    norms = [float(vector.norm()) for vector in (*actual.nodes.values(), *actual.edges.values())]
    assert all(0.7 < one < 0.97 for one in norms)
    assert {vector.numel() for vector in actual.edges.values()} == {768}
