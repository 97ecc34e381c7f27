from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from hetgraph.data import CSR, EdgeType, HeteroGraph, Relation
from hetgraph.errors import FileFormatError, UserError
from hetgraph.files import OutputError

WRITES = EdgeType("author", "writes / signs", "paper.v1")
SIGNED = EdgeType("paper.v1", "signed__by", "author")
CITES = EdgeType("paper.v1", "cites", "paper.v1")


def build(*, flip: bool = False, long_index: bool = False, name: str = "all kinds") -> HeteroGraph:
    """A graph with every kind of content; ``flip`` only changes the order of insertion."""
    order = slice(None, None, -1) if flip else slice(None)

    def pick(values: list[float]) -> torch.Tensor:
        return torch.tensor(values[order])

    writes = Relation.from_edges(
        pick([0, 0, 1, 1, 2]).long(),
        pick([0, 1, 1, 3, 3]).long(),
        3,
        4,
        weight=pick([0.5, 1.5, 2.5, 3.5, 4.5]),
    )
    cites = Relation.from_edges(
        pick([0, 1, 2]).long(),
        pick([1, 2, 2]).long(),
        4,
        4,
        edge_features=pick([1.0, 2.0, 3.0])[:, None].repeat(1, 2),
        edge_time=pick([1999, 2000, 2001]).long(),
    )
    words = CSR.from_coo(pick([0, 2, 2]).long(), pick([4, 0, 1]).long(), (4, 5), pick([1, 2, 3.5]))
    if long_index:
        words = CSR(words.indptr.long(), words.indices.long(), 5, words.weight)
    relations = {WRITES: writes, SIGNED: writes.transpose, CITES: cites}
    features = {"author": torch.arange(6.0).view(3, 2).half(), "paper.v1": words}
    types = {"author": 3, "paper.v1": 4, "kind": 3, "empty": 0}
    if flip:
        types = dict(reversed(types.items()))
        relations = dict(reversed(relations.items()))
    return HeteroGraph(
        num_nodes=types,
        relations=relations,
        features={**features, "kind": torch.tensor([2, 0, 1])},
        reverses=[(SIGNED, WRITES)] if flip else [(WRITES, SIGNED)],
        ids={"author": ["a1", "ä2", "007"], "paper.v1": [10, 20, 30, 2**40]},
        text={"paper.v1": pa.array(["one", "", None, "four"])},
        name=name,
    )


def test_everything_round_trips(tmp_path: Path) -> None:
    graph = build()
    graph.save(tmp_path / "g")
    actual = HeteroGraph.load(tmp_path / "g", verify=True)
    assert actual.schema == graph.schema
    assert dict(actual.num_nodes) == dict(graph.num_nodes)
    assert actual.name == "all kinds"
    assert actual.content_hash == graph.content_hash
    assert actual.ids["author"].to_pylist() == ["a1", "ä2", "007"]
    assert actual.ids["paper.v1"].to_pylist() == [10, 20, 30, 2**40]
    assert actual.text["paper.v1"].to_pylist() == ["one", "", None, "four"]
    for edge_type, relation in graph.relations.items():
        for key, value in relation._tensors().items():
            assert torch.equal(actual.relations[edge_type]._tensors()[key], value)
    assert actual.relations[SIGNED] is actual.relations[WRITES].transpose


def test_the_folder_holds_no_pickle_and_only_the_three_parts(tmp_path: Path) -> None:
    build().save(tmp_path / "g")
    names = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert names == [
        "g/nodes/0.parquet",
        "g/nodes/1.parquet",
        "g/schema.json",
        "g/tensors.safetensors",
    ]


def test_a_reverse_that_is_no_exact_transpose_is_stored_as_it_is(tmp_path: Path) -> None:
    graph = build()
    heavier = graph.relation(SIGNED).with_weight(torch.full((5,), 9.0))
    graph = graph.with_relation(SIGNED, heavier, reverse_of=WRITES)
    graph.save(tmp_path / "g")
    actual = HeteroGraph.load(tmp_path / "g", verify=True)
    assert torch.equal(actual.relation(SIGNED).weight, torch.full((5,), 9.0))
    assert actual.schema.reverse_of(WRITES) == SIGNED


def test_a_graph_without_edges_or_features_round_trips(tmp_path: Path) -> None:
    graph = HeteroGraph(num_nodes={"a": 3}, relations={})
    graph.save(tmp_path / "g")
    assert HeteroGraph.load(tmp_path / "g", verify=True).content_hash == graph.content_hash


def test_random_multigraphs_round_trip(
    tmp_path: Path, random_graph: Callable[..., HeteroGraph]
) -> None:
    for seed in range(3):
        graph = random_graph(seed)
        graph.save(tmp_path / "g")  # Each replaces the one before.
        assert HeteroGraph.load(tmp_path / "g", verify=True).content_hash == graph.content_hash
    assert [path.name for path in tmp_path.iterdir()] == ["g"]


# --------------------------------------------------------------------------------- hash


def test_the_hash_does_not_depend_on_how_the_graph_was_built() -> None:
    expected = build().content_hash
    assert len(expected) == 64
    assert build(flip=True).content_hash == expected
    assert build(long_index=True).content_hash == expected
    assert build(name="other").content_hash == expected
    large = build().replace(
        ids={**build().ids, "author": pa.array(["a1", "ä2", "007"]).cast("large_string")}
    )
    assert large.content_hash == expected


def test_the_hash_is_stable_between_versions() -> None:
    graph = HeteroGraph(num_nodes={"a": 2}, relations={}, features={"a": torch.eye(2)})
    assert graph.content_hash == GOLDEN


GOLDEN = "26d7a125d3537474998edd1b2d363b4421bfe6f9ac215cb533304a4d0cca7f64"


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.replace(ids={**g.ids, "author": ["a1", "ä2", "7"]}),
        lambda g: g.replace(ids={**g.ids, "author": ["a1ä", "2", "007"]}),
        lambda g: g.replace(ids={}),
        lambda g: g.replace(text={"paper.v1": ["one", "", "", "four"]}),
        lambda g: g.replace(reverses=()),
        lambda g: g.with_features("author", g.features["author"].float()),
        lambda g: g.with_features("author", g.features["author"] + 1),
        lambda g: g.with_features("author", g.features["author"].view(3, 2).flip(0)),
        lambda g: g.with_features("kind", torch.tensor([2, 1, 0])),
        lambda g: g.with_relation(CITES, g.relation(CITES).transpose),
        lambda g: g.with_relation(CITES, g.relation(CITES).with_weight(torch.ones(3))),
        lambda g: g.replace(num_nodes={**g.num_nodes, "empty": 1}),
        lambda g: g.replace(num_nodes={**g.num_nodes, "more": 0}),
    ],
)
def test_the_hash_sees_every_change(change: Callable[[HeteroGraph], HeteroGraph]) -> None:
    assert change(build()).content_hash != build().content_hash


def test_the_hash_covers_every_block_of_a_large_array() -> None:
    values = torch.zeros(3_000_000, 1)  # 12 MB: two blocks.
    graph = HeteroGraph(num_nodes={"a": len(values)}, relations={}, features={"a": values})
    first = graph.content_hash
    values = values.clone()
    values[-1] = 1
    assert graph.with_features("a", values).content_hash != first


# --------------------------------------------------------------------------- bad input


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["schema.json", "tensors.safetensors", "nodes/0.parquet"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "noise"])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, name: str, damage: str) -> None:
    build().save(tmp_path / "g")
    path = tmp_path / "g" / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        broken = {"empty": b"", "cut": content[:-7], "noise": b"\x00\xff" * (len(content) // 2)}
        path.write_bytes(broken[damage])
    with pytest.raises(FileFormatError) as caught:
        HeteroGraph.load(tmp_path / "g")
    assert str(tmp_path / "g") in one_line(caught)


def test_a_changed_value_is_detected_on_request(tmp_path: Path) -> None:
    build().save(tmp_path / "g")
    path = tmp_path / "g" / "tensors.safetensors"
    content = bytearray(path.read_bytes())
    position = content.rindex(torch.tensor(3.5).numpy().tobytes())
    content[position : position + 4] = torch.tensor(3.25).numpy().tobytes()
    path.write_bytes(content)
    HeteroGraph.load(tmp_path / "g")
    with pytest.raises(FileFormatError, match="content hash is"):
        HeteroGraph.load(tmp_path / "g", verify=True)


def test_an_index_out_of_range_is_always_detected(tmp_path: Path) -> None:
    graph = HeteroGraph(
        num_nodes={"a": 70000},
        relations={
            EdgeType("a", "r", "a"): Relation.from_edges(
                torch.tensor([66666]), torch.tensor([0]), 70000, 70000
            )
        },
    )
    graph.save(tmp_path / "g")
    path = tmp_path / "g" / "tensors.safetensors"
    needle, large = (torch.tensor([v], dtype=torch.int32).numpy().tobytes() for v in (66666, 77777))
    path.write_bytes(path.read_bytes().replace(needle, large))
    with pytest.raises(FileFormatError, match=r"index 77777 is outside 0\.\.69999"):
        HeteroGraph.load(tmp_path / "g")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", {}),
        ("num_nodes", {"author": 3}),
        ("columns", {"9": ["ids"]}),
        ("transposes", {"1": 7}),
        ("tensors", {}),
        ("files", []),
    ],
)
def test_a_header_that_does_not_fit_is_one_clear_line(
    tmp_path: Path, key: str, value: object
) -> None:
    build().save(tmp_path / "g")
    path = tmp_path / "g" / "schema.json"
    header = json.loads(path.read_text())
    path.write_text(json.dumps({**header, key: value}))
    with pytest.raises(FileFormatError) as caught:
        HeteroGraph.load(tmp_path / "g")
    one_line(caught)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    build().save(tmp_path / "g")
    path = tmp_path / "g" / "schema.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 99'))
    with pytest.raises(FileFormatError, match=r"version 99, this hetgraph reads 1; update"):
        HeteroGraph.load(tmp_path / "g")


def test_a_folder_that_is_no_graph_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileFormatError, match=r"has no schema\.json"):
        HeteroGraph.load(tmp_path)
    with pytest.raises(OutputError, match=r"will not replace .* 'notes\.txt'"):
        build().save(tmp_path)
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "schema.json").write_text("{}")
    with pytest.raises(OutputError, match="not a saved graph"):
        build().save(tmp_path)
    assert (tmp_path / "schema.json").read_text() == "{}"


def test_a_saved_graph_with_a_stray_file_is_not_replaced(tmp_path: Path) -> None:
    build().save(tmp_path / "g")
    (tmp_path / "g" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        build().save(tmp_path / "g")


def test_a_failing_save_keeps_the_old_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build().save(tmp_path / "g")
    before = HeteroGraph.load(tmp_path / "g").content_hash

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hetgraph.data.storage.pq.write_table", full)
    changed = build().with_features("author", None)
    with pytest.raises(OutputError, match="the disk is full") as caught:
        changed.save(tmp_path / "g")
    one_line(caught)
    assert HeteroGraph.load(tmp_path / "g", verify=True).content_hash == before
    assert [path.name for path in tmp_path.iterdir()] == ["g"]


def test_a_loaded_graph_survives_the_replacement_of_its_folder(tmp_path: Path) -> None:
    build().save(tmp_path / "g")
    loaded = HeteroGraph.load(tmp_path / "g")
    loaded.with_features("author", None).save(tmp_path / "g")
    assert loaded.content_hash == build().content_hash
    shutil.rmtree(tmp_path / "g")
    assert torch.equal(loaded.features["author"], build().features["author"])
