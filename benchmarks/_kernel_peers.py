"""The same operations in plain PyTorch, PyG, torch-scatter and DGL."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hetgraph.data import CSR
from hetgraph.ops import edge_attention, segment_softmax, spmm

__all__ = ["PEERS", "Case", "attention_runs", "softmax_runs", "spmm_runs"]

PEERS = ("index_add", "PyG", "torch-scatter", "DGL")
SLOPE = 0.2

Run = Callable[[], Sequence[Tensor]]


@dataclass
class Case:
    """A relation in the formats that the contenders need."""

    csr: CSR
    src: Tensor
    dst: Tensor
    indptr: Tensor

    @classmethod
    def random(cls, rows: int, cols: int, nnz: int) -> Case:
        """Draws a relation with uniformly random end nodes; the edges are sorted by row."""
        generator = torch.Generator().manual_seed(0)
        row, col = (torch.randint(n, (nnz,), generator=generator) for n in (rows, cols))
        csr = CSR.from_coo(row, col, (rows, cols))
        dst, src = csr.coo()
        return cls(csr, src, dst, csr.indptr.long())

    @property
    def name(self) -> str:
        """Returns the size in readable form."""
        return f"{_short(self.csr.num_rows)} x {_short(self.csr.num_cols)}, {_short(self.csr.nnz)}"

    @cache  # noqa: B019 - there are two cases, which live as long as the process
    def dgl_graph(self) -> Any:
        """Returns the relation as a DGL graph."""
        counts = {"src": self.csr.num_cols, "dst": self.csr.num_rows}
        edges = {("src", "edge", "dst"): (self.src, self.dst)}
        return importlib.import_module("dgl").heterograph(edges, num_nodes_dict=counts)

    __hash__ = object.__hash__


def spmm_runs(case: Case, dim: int, *, backward: bool) -> dict[str, Run]:
    """Returns contenders for ``A @ x`` with learned weights, and for both gradients."""
    csr, src, dst, rows = case.csr, case.src, case.dst, case.csr.num_rows
    x = torch.randn(csr.num_cols, dim, requires_grad=backward)
    weight = torch.rand(csr.nnz, requires_grad=backward)
    upstream = torch.randn(rows, dim)

    def message() -> Tensor:
        return x.index_select(0, src) * weight.unsqueeze(1)

    forms: dict[str, Callable[[], Tensor]] = {
        "hetgraph": lambda: spmm(csr, x, weight),
        "index_add": lambda: torch.zeros(rows, dim).index_add(0, dst, message()),
    }
    if pyg := _module("torch_geometric.utils"):
        forms["PyG"] = lambda: pyg.scatter(message(), dst, 0, rows, "sum")
    if scatter := _module("torch_scatter"):
        forms["torch-scatter"] = lambda: scatter.segment_csr(message(), case.indptr)
    if dgl := _module("dgl"):
        graph = case.dgl_graph()
        forms["DGL"] = lambda: dgl.ops.u_mul_e_sum(graph, x, weight.unsqueeze(1))
    return _runs(forms, (x, weight) if backward else (), upstream)


def attention_runs(case: Case, heads: int, dim: int) -> dict[str, Run]:
    """Returns contenders for the messages of a graph attention layer, forward and backward."""
    csr, src, dst, rows = case.csr, case.src, case.dst, case.csr.num_rows
    value = torch.randn(csr.num_cols, heads, dim, requires_grad=True)
    row = torch.randn(rows, heads, requires_grad=True)
    col = torch.randn(csr.num_cols, heads, requires_grad=True)
    upstream = torch.randn(rows, heads, dim)

    def plain() -> Tensor:
        score = F.leaky_relu(row.index_select(0, dst) + col.index_select(0, src), SLOPE)
        index = dst.unsqueeze(1).expand(-1, heads)
        top = torch.zeros(rows, heads).scatter_reduce(
            0, index, score.detach(), "amax", include_self=False
        )
        exponential = (score - top.index_select(0, dst)).exp()
        total = torch.zeros(rows, heads).index_add(0, dst, exponential)
        weight = exponential / total.index_select(0, dst)
        message = value.index_select(0, src) * weight.unsqueeze(-1)
        return torch.zeros(rows, heads, dim).index_add(0, dst, message)

    forms: dict[str, Callable[[], Tensor]] = {
        "hetgraph": lambda: edge_attention(csr, None, None, value, row_score=row, col_score=col),
        "index_add": plain,
    }
    if nn := _module("torch_geometric.nn"):
        conv = nn.GATConv((1, 1), dim, heads=heads, add_self_loops=False, bias=False)
        edges, size = torch.stack([src, dst]), (csr.num_cols, rows)

        def pyg() -> Tensor:
            weight = conv.edge_updater(edges, alpha=(col, row), edge_attr=None, size=size)
            result: Tensor = conv.propagate(edges, x=(value, None), alpha=weight, size=size)
            return result

        forms["PyG"] = pyg
    if dgl := _module("dgl"):
        graph = case.dgl_graph()

        def by_dgl() -> Tensor:
            score = dgl.ops.u_add_v(graph, col.unsqueeze(-1), row.unsqueeze(-1))
            weight = dgl.ops.edge_softmax(graph, F.leaky_relu(score, SLOPE))
            result: Tensor = dgl.ops.u_mul_e_sum(graph, value, weight)
            return result

        forms["DGL"] = by_dgl
    return _runs(forms, (value, row, col), upstream)


def softmax_runs(case: Case, heads: int, *, backward: bool) -> dict[str, Run]:
    """Returns contenders for the softmax of ``[nnz, heads]`` scores over each row."""
    csr, dst, indptr = case.csr, case.dst, case.indptr
    scores = torch.randn(csr.nnz, heads, requires_grad=backward)
    upstream = torch.randn(csr.nnz, heads)
    forms: dict[str, Callable[[], Tensor]] = {
        "hetgraph": lambda: segment_softmax(csr.indptr, scores)
    }
    if pyg := _module("torch_geometric.utils"):
        forms["PyG"] = lambda: pyg.softmax(scores, dst, num_nodes=csr.num_rows)
    if scatter := _module("torch_scatter"):  # segment_csr is faster than its scatter_softmax

        def by_segments() -> Tensor:
            top = scatter.segment_csr(scores.detach(), indptr, reduce="max")
            exponential = (scores - scatter.gather_csr(top, indptr)).exp()
            total: Tensor = scatter.gather_csr(scatter.segment_csr(exponential, indptr), indptr)
            weights: Tensor = exponential / total
            return weights

        forms["torch-scatter"] = by_segments
    if dgl := _module("dgl"):
        graph = case.dgl_graph()
        forms["DGL"] = lambda: dgl.ops.edge_softmax(graph, scores)
    return _runs(forms, (scores,) if backward else (), upstream)


def _runs(
    forms: dict[str, Callable[[], Tensor]], inputs: tuple[Tensor, ...], upstream: Tensor
) -> dict[str, Run]:
    """Turns functions into runs that return the result and the gradients of ``inputs``."""

    def run(form: Callable[[], Tensor]) -> Sequence[Tensor]:
        if not inputs:
            with torch.no_grad():
                return [form()]
        result = form()
        grads = torch.autograd.grad(result, inputs, upstream.view(result.shape))
        return [result.detach(), *grads]

    return {name: lambda form=form: run(form) for name, form in forms.items()}  # type: ignore[misc]


@cache
def _module(name: str) -> ModuleType | None:
    """Imports an optional package; ``None`` if it is missing or does not load with this torch."""
    os.environ.setdefault("DGLBACKEND", "pytorch")
    try:
        return importlib.import_module(name)
    except (ImportError, OSError, RuntimeError, AttributeError):
        return None


def _short(number: int) -> str:
    for unit, scale in (("M", 10**6), ("k", 10**3)):
        if number >= scale:
            return f"{number / scale:g} {unit}"
    return str(number)
