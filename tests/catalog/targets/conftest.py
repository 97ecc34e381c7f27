"""A target through tensors and JSON, and through rows of a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import TypeVar

import pyarrow as pa
import pytest
import torch

from hetgraph.catalog.targets import Rows, Target
from hetgraph.io.sources import as_source

T = TypeVar("T", bound=Target)
NUM_NODES = {"paper": 6, "user": 4, "film": 5}


def equal(target: Target, other: Target) -> bool:
    """Compares all fields."""

    def same(name: str) -> bool:
        left, right = getattr(target, name), getattr(other, name)
        if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
            return left.dtype == right.dtype and torch.equal(left, right)
        return bool(left == right)

    return type(target) is type(other) and all(same(field.name) for field in fields(target))


@pytest.fixture
def stored() -> Callable[[Target], None]:
    """Asserts that a target comes back from what is stored."""

    def check(target: Target) -> None:
        meta = json.loads(json.dumps(target.meta()))
        assert equal(type(target).read(meta, target.tensors()), target)

    return check


@pytest.fixture
def through_rows() -> Callable[[Target, bool], tuple[Target, torch.Tensor | None]]:
    """Returns what is read from the rows that a target writes."""

    def convert(target: Target, lists: bool = True) -> tuple[Target, torch.Tensor | None]:
        written = target.to_rows(NUM_NODES, lists=lists)
        assert written is not None
        table = as_source(pa.table({f"c-{key}": v for key, v in written.columns.items()}), "table")
        named = {key: f"c-{key}" for key in written.columns}
        edges = torch.zeros(2, 0).long() if written.edges is None else written.edges
        rows = Rows(table, written.place, edges, written.time)
        return type(target).from_rows(rows, {**written.options, **named})

    return convert
