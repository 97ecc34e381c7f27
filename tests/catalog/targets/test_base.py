"""What a kind has from its fields alone, and how kinds are found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from hetgraph.catalog.targets import Rows, Target
from hetgraph.registry import targets


@dataclass(frozen=True, eq=False)
class Pairs(Target):
    kind: ClassVar[str] = "pairs"
    task: ClassVar[str] = "pairing"
    descriptive: ClassVar[tuple[str, ...]] = ("note",)

    names: tuple[str, ...]
    left: Tensor
    right: Tensor | None = None
    third: Tensor | None = None
    note: str = ""


GIVEN = Pairs(("a", "b"), torch.tensor([1, 2]))


def sha256(target: Target, name: str = "pairs") -> str:
    digest = hashlib.sha256()
    target.update_digest(digest, name)
    return digest.hexdigest()


def test_fields_are_written_and_read() -> None:
    assert GIVEN.meta() == {"names": ["a", "b"], "note": ""}
    assert list(GIVEN.tensors()) == ["left"]
    read = Pairs.read(GIVEN.meta(), GIVEN.tensors())
    assert (read.names, read.left.tolist(), read.right) == (("a", "b"), [1, 2], None)


def test_fields_are_counted() -> None:
    assert GIVEN.statistics() == {"left": [2]}
    assert GIVEN.split_statistics(torch.arange(3)) == {"nodes": 3}
    assert GIVEN.default_splits() == {}


def test_every_field_counts_in_the_digest_unless_it_is_for_people() -> None:
    others = (
        replace(GIVEN, names=("a", "c")),
        replace(GIVEN, left=torch.tensor([1, 3])),
        replace(GIVEN, left=torch.tensor([1, 2], dtype=torch.int32)),
        replace(GIVEN, right=GIVEN.left),
        replace(GIVEN, third=GIVEN.left),
        Pairs(GIVEN.names, torch.zeros(0), GIVEN.left),
    )
    digests = {sha256(GIVEN), sha256(GIVEN, "other"), *map(sha256, others)}
    assert len(digests) == 8
    assert sha256(replace(GIVEN, note="seen")) == sha256(GIVEN)


def test_tables_are_refused_unless_a_kind_reads_them() -> None:
    assert GIVEN.to_rows({}, lists=True) is None
    with pytest.raises(NotImplementedError, match="pairs cannot be read from tables"):
        Pairs.from_rows(Rows(None, "x"), {})  # type: ignore[arg-type]


def test_every_kind_is_registered_under_its_module() -> None:
    assert targets.names() == ("edge_labels", "edge_values", "labels", "links", "values")
    for kind in targets:
        assert targets.get(kind).kind == kind
        assert targets.get(kind).__module__ == f"hetgraph.catalog.targets.{kind}"
