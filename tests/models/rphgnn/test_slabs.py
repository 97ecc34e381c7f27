"""Storage of the prepared tensors in memory and in files."""

from __future__ import annotations

import errno

import pytest
import torch

from hetgraph.errors import DataError, FileFormatError
from hetgraph.files import OutputError
from hetgraph.models.rphgnn.slabs import SlabWriter, load_slabs, slab_bytes

SHAPES = [(2, 3), (1, 4)]


def fill(writer, values):
    for group, tensor in enumerate(values):
        for slot in range(tensor.shape[1]):
            for start in range(0, tensor.shape[0], 4):
                writer.write(group, slot, start, tensor[start : start + 4, slot])
    return writer.finish()


@pytest.fixture
def values():
    return [torch.randn(10, *shape) for shape in SHAPES]


@pytest.mark.parametrize("storage", ["float16", "float32"])
@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("nodes", [range(10), [0, 3, 4, 9], [5], []])
def test_kept_rows_are_stored_rounded(tmp_path, values, storage, mapped, nodes):
    nodes = torch.tensor(list(nodes), dtype=torch.int64)
    slabs = fill(SlabWriter(nodes, SHAPES, storage, tmp_path / "s" if mapped else None), values)
    dtype = getattr(torch, storage)
    for tensor, value in zip(slabs.tensors, values, strict=True):
        assert tensor.dtype == dtype
        assert torch.equal(tensor, value[nodes].to(dtype))
    assert slabs.nbytes == slab_bytes(nodes.numel(), SHAPES, storage)


@pytest.mark.parametrize("in_memory", [True, False])
def test_files_are_read_back(tmp_path, values, in_memory):
    nodes = torch.tensor([1, 2, 7])
    written = fill(SlabWriter(nodes, SHAPES, "float16", tmp_path / "s"), values)
    read = load_slabs(tmp_path / "s", in_memory=in_memory)
    assert torch.equal(read.nodes, nodes)
    for actual, other in zip(read.tensors, written.tensors, strict=True):
        assert torch.equal(actual, other)


def test_damaged_folders_are_refused(tmp_path, values):
    folder = tmp_path / "s"
    with pytest.raises(FileFormatError, match="no complete slabs"):
        load_slabs(folder, in_memory=True)
    fill(SlabWriter(torch.arange(10), SHAPES, "float16", folder), values)
    (folder / "group001.npy").write_bytes(b"short")
    with pytest.raises(FileFormatError, match="remove it"):
        load_slabs(folder, in_memory=True)


def test_positions_are_rows_and_missing_nodes_are_named(values):
    slabs = fill(SlabWriter(torch.tensor([1, 4, 7]), SHAPES), values)
    assert slabs.positions(torch.tensor([7, 1])).tolist() == [2, 0]
    for node in (0, 5, 9):
        with pytest.raises(DataError, match=f"target node {node} was not prepared"):
            slabs.positions(torch.tensor([1, node]))


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(OutputError, match="the disk is full"):
        SlabWriter(torch.arange(10), SHAPES, "float16", tmp_path / "s")
