from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from hetgraph import load_dataset
from hetgraph.errors import ConfigError, FileFormatError


def write(path: Path, size: int = 120, num_labels: int | None = None) -> Path:
    adjacency = sp.csr_array(([1.0, 1.0, 1.0], ([0, 1, 2], [1, 0, 2])), shape=(size, size))
    features = sp.csr_array(np.eye(size, 4))
    parts = {}
    for prefix, matrix in (("adj", adjacency), ("attr", features)):
        parts |= {f"{prefix}_data": matrix.data, f"{prefix}_indices": matrix.indices}
        parts |= {f"{prefix}_indptr": matrix.indptr, f"{prefix}_shape": np.array(matrix.shape)}
    labels = np.arange(num_labels or size) % 2
    np.savez(path, **parts, labels=labels, class_names=np.array(["film", "lens"]))
    return path


def test_real_photo_matches_every_published_count(data_root: Path) -> None:
    first = load_dataset("amazon/Photo", root=data_root, cache=False)
    second = load_dataset("amazon/Photo", root=data_root, cache=False, split_seed=1)
    assert first.labels is not None
    assert len(first.labels.class_names) == 8
    assert first.graph.content_hash == second.graph.content_hash
    assert not torch.equal(first.splits["default"].train, second.splits["default"].train)


def test_edges_become_symmetric_without_loops_and_the_split_is_fixed(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.npz")
    dataset = load_dataset(f"amazon:{path}")
    src, dst = dataset.graph.relation("bought_with").edges()
    assert sorted(zip(src.tolist(), dst.tolist(), strict=True)) == [(0, 1), (1, 0)]
    assert dataset.info["counts"] == {"stored_entries": 3, "self_loops": 1, "isolated_nodes": 118}
    split = dataset.splits["default"]
    assert split.valid is not None
    ids_of_splits = (split.train, split.valid, split.test)
    assert [ids.numel() for ids in ids_of_splits] == [40, 60, 20]
    assert torch.cat(ids_of_splits).unique().numel() == 120
    again = load_dataset(f"amazon:{tmp_path}", cache=False)
    assert torch.equal(again.splits["default"].train, split.train)


def test_bad_files_and_seeds_give_one_clear_line(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.npz")
    with pytest.raises(ConfigError, match="split_seed is -1"):
        load_dataset(f"amazon:{path}", split_seed=-1)
    with pytest.raises(FileFormatError, match="expected 60 nodes as in labels"):
        load_dataset(f"amazon:{write(tmp_path / 'tiny.npz', num_labels=60)}")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileFormatError, match=r"tiny.npz is damaged"):
        load_dataset(f"amazon:{path}")
    path.unlink()
    with pytest.raises(FileFormatError, match=r"0 \.npz files"):
        load_dataset(f"amazon:{tmp_path}")
