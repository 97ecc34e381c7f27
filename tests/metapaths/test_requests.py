"""Requests in a form that another process can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hetgraph.data import HeteroGraph
from hetgraph.errors import MetaPathError
from hetgraph.metapaths import MetaPath, register_metapath, registry
from hetgraph.metapaths.requests import bind_requests, requested_path

APA, APVPA = "author-paper-author", "author-paper-venue-paper-author"
NAME = "toy/set"


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def test_registered_texts_and_paths_go_with_the_request(toy_graph: HeteroGraph) -> None:
    register_metapath(NAME, "co", APA)
    register_metapath(NAME, "meets", MetaPath.parse(APVPA, toy_graph.schema))
    bound = bind_requests(toy_graph, NAME, ["co", "meets"])
    assert bound.requests == (f"co={APA}", f"meets={APVPA}")
    assert bound.notes == ()


def test_functions_and_names_that_cannot_be_texts_stay(toy_graph: HeteroGraph) -> None:
    def co(graph: HeteroGraph) -> Any:
        return APA

    register_metapath(NAME, "co", co)
    register_metapath(NAME, "a=b", APVPA)
    assert bind_requests(toy_graph, NAME, ["co", "a=b"]).requests == ("co", "a=b")


def test_names_of_the_data_set_and_files_become_texts(
    toy_graph: HeteroGraph, tmp_path: Path
) -> None:
    file = tmp_path / "paths.yaml"
    file.write_text(f"far: {APVPA}\n")
    declared = {"co": APA}
    expected = (f"co={APA}", f"far={APVPA}")
    assert bind_requests(toy_graph, NAME, ["co", str(file)], declared=declared).requests == expected
    assert bind_requests(toy_graph, NAME, [], declared=declared).requests == expected[:1]


@pytest.mark.parametrize(
    ("requests", "kept", "note"),
    [
        ([APA, APA], APA, f"the meta-path '{APA}' is given twice; it is read once."),
        (["co", f"x={APA}"], f"co={APA}", "'co' and 'x' are equal; it is read once, as 'co'."),
        (["co", "also"], f"co={APA}", "'co' and 'also' are equal; it is read once, as 'co'."),
        (["co", "author -writes> paper <writes- author"], f"co={APA}", "are equal"),
    ],
)
def test_equal_paths_are_merged_with_a_line(
    toy_graph: HeteroGraph, requests: list[str], kept: str, note: str
) -> None:
    declared = {"co": APA, "also": APA}
    bound = bind_requests(toy_graph, NAME, requests, declared=declared)
    assert bound.requests == (kept,)
    (line,) = bound.notes
    assert note in line


def test_a_name_for_two_paths_is_an_error(toy_graph: HeteroGraph) -> None:
    with pytest.raises(MetaPathError, match=f"'x' is given to two .* 'x={APA}' and 'x={APVPA}'"):
        bind_requests(toy_graph, NAME, [f"x={APA}", f"x={APVPA}"])


def test_the_path_of_a_request(toy_graph: HeteroGraph) -> None:
    schema = toy_graph.schema
    path = MetaPath.parse(APA, schema)
    assert requested_path(schema, APA) == requested_path(schema, f"co={APA}") == path
    assert requested_path(schema, "co") is None
