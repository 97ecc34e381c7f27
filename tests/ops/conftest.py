"""Small matrices with all edge cases at once, and dense float64 references."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from hetgraph.data import CSR


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads only slow down matrices of a few entries."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["int32", "int64"])
def index_dtype(request) -> torch.dtype:
    return getattr(torch, request.param)


@pytest.fixture
def make_csr() -> Callable[..., CSR]:
    """Factory of random multigraphs: parallel entries, the last row and column empty."""

    def build(
        rows: int = 9,
        cols: int = 7,
        nnz: int = 40,
        *,
        seed: int = 0,
        index_dtype: torch.dtype = torch.int32,
    ) -> CSR:
        generator = torch.Generator().manual_seed(seed)
        row = torch.randint(max(rows - 1, 1), (nnz,), generator=generator)
        col = torch.randint(max(cols - 1, 1), (nnz,), generator=generator)
        csr = CSR.from_coo(row, col, (rows, cols))
        return CSR(csr.indptr.to(index_dtype), csr.indices.to(index_dtype), cols)

    return build


@pytest.fixture
def hub() -> CSR:
    """One row with 3,000 entries, including parallel ones; 40 rows with at most one."""
    row = torch.cat([torch.full((3000,), 5), torch.arange(0, 40, 2)])
    col = torch.arange(row.numel()) % 211
    return CSR.from_coo(row, col, (41, 212))


@pytest.fixture
def loop() -> Callable[[CSR, Tensor, Tensor | None], Tensor]:
    """SpMM entry by entry in float64: the oracle of the others. Shapes as ``spmm``, 3-D ``x``."""

    def product(csr: CSR, x: Tensor, weight: Tensor | None) -> Tensor:
        out = torch.zeros(csr.num_rows, *x.shape[1:], dtype=torch.float64)
        rows, cols = csr.coo()
        for entry in range(csr.nnz):
            message = x[cols[entry]].double()
            if weight is not None:
                scale = weight[entry].double()
                message = message * (scale.unsqueeze(-1) if scale.dim() else scale)
            out[rows[entry]] += message
        return out

    return product


@pytest.fixture
def small_chunks(monkeypatch) -> None:
    """Cuts work into runs of a few entries, so that rows are cut and chunks meet."""
    for name in ("_attention", "_kernels", "segment_reduce", "segment_softmax"):
        module = importlib.import_module(f"hetgraph.ops.{name}")
        monkeypatch.setattr(module, "entries_within", lambda *_: 7)
