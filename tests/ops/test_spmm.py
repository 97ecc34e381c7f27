from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from hetgraph.data import CSR
from hetgraph.errors import DataError
from hetgraph.ops import spmm


def near(actual, expected, tol=1e-5):
    torch.testing.assert_close(actual.double(), expected, atol=tol, rtol=tol)


@pytest.mark.parametrize(
    "shape", [(), (5,), (0,), (1, 1), (2, 3), (3, 16), (2, 32), (4, 0), (0, 4)]
)
@pytest.mark.parametrize("weights", ["none", "entry", "head"])
def test_matches_a_loop_for_every_shape(make_csr, loop, index_dtype, shape, weights):
    csr = make_csr(index_dtype=index_dtype)
    x = torch.randn(csr.num_cols, *shape)
    if weights == "head" and len(shape) < 2:
        pytest.skip("no heads")
    weight = {
        "none": None,
        "entry": torch.randn(csr.nnz),
        "head": torch.randn(csr.nnz, *shape[:1]),
    }[weights]
    expected = loop(csr, x, weight)
    result = spmm(csr, x, weight)
    assert result.shape == (csr.num_rows, *shape)
    assert result.dtype == x.dtype
    near(result, expected)


@pytest.mark.parametrize("dim", [3, 16])
def test_gradients_with_respect_to_features_and_weights(make_csr, index_dtype, dim):
    csr = make_csr(5, 4, 30, index_dtype=index_dtype)  # more entries than cells
    x = torch.randn(4, 2, dim, dtype=torch.float64, requires_grad=True)
    for shape in ((30,), (30, 2)):
        weight = torch.rand(shape, dtype=torch.float64, requires_grad=True)
        assert gradcheck(lambda x, w: spmm(csr, x, w), (x, weight))
    assert gradcheck(lambda x: spmm(csr, x), (x,))


def test_weights_of_the_matrix_are_used_and_learned(make_csr, loop):
    csr = make_csr()
    weight = torch.rand(csr.nnz, dtype=torch.float64)
    x = torch.randn(csr.num_cols, 3, dtype=torch.float64, requires_grad=True)
    near(spmm(csr.with_weight(weight), x), loop(csr, x, weight), 1e-12)
    near(spmm(csr.with_weight(weight), x, weight + 1), loop(csr, x, weight + 1), 1e-12)
    assert gradcheck(lambda x: spmm(csr.with_weight(weight), x), (x,))
    learned = weight.clone().requires_grad_()
    weighted = csr.with_weight(learned)
    for _ in range(2):  # the second time after an update in place
        (grad_x, grad_w) = torch.autograd.grad(spmm(weighted, x).square().sum(), (x, learned))
        dense = torch.zeros(csr.shape, dtype=torch.float64)
        rows, cols = csr.coo()
        dense.index_put_((rows, cols), learned.detach(), accumulate=True)
        error = 2 * (dense @ x.detach())
        near(grad_x, dense.t() @ error, 1e-12)
        near(grad_w, (error[rows] * x.detach()[cols]).sum(1), 1e-12)
        with torch.no_grad():
            learned.mul_(1.5)


@pytest.mark.parametrize("heads", [1, 8])
@pytest.mark.parametrize("dim", [4, 16])
def test_rows_of_any_degree_and_cut_rows(hub, loop, small_chunks, heads, dim):
    x, weight = torch.randn(hub.num_cols, heads, dim), torch.randn(hub.nnz, heads)
    near(spmm(hub, x, weight), loop(hub, x, weight), 1e-3)


@pytest.mark.parametrize(("rows", "cols"), [(0, 3), (3, 0), (4, 3), (0, 0)])
def test_empty_relation_gives_zeros_and_gradients(rows, cols):
    none = torch.zeros(0, dtype=torch.long)
    csr = CSR.from_coo(none, none, (rows, cols))
    x = torch.randn(cols, 2, 3, requires_grad=True)
    weight = torch.zeros(0, 2, requires_grad=True)
    result = spmm(csr, x, weight)
    assert result.shape == (rows, 2, 3)
    assert not result.any()
    result.sum().backward()
    assert not x.grad.any()
    assert weight.grad.shape == (0, 2)


def test_one_row_and_one_column(loop):
    csr = CSR.from_coo(torch.zeros(5, dtype=torch.long), torch.zeros(5, dtype=torch.long), (1, 1))
    x = torch.randn(1, 4)
    near(spmm(csr, x), loop(csr, x, None))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    csr = CSR.from_coo(torch.zeros(4096, dtype=torch.long), torch.arange(4096), (1, 4096))
    x = torch.ones(4096, 2, 4, dtype=dtype, requires_grad=True)
    result = spmm(csr, x, torch.ones(4096, 2, dtype=dtype))
    assert result.dtype == dtype
    assert result.eq(4096).all()  # a running sum in half precision stops at 2048 or 256
    result.sum().backward()
    assert x.grad.dtype == dtype


def test_autocast_leaves_the_kernel_alone(make_csr, loop):
    csr, layer = make_csr(), torch.nn.Linear(4, 3)
    x = torch.randn(csr.num_cols, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = layer(x)
        result = spmm(csr, hidden)
        near(spmm(csr, x), loop(csr, x, None))
    assert result.dtype == torch.bfloat16
    result.float().sum().backward()
    assert layer.weight.grad is not None


@pytest.mark.parametrize("view", ["transposed", "stepped", "expanded", "column", "heads"])
def test_strides_do_not_matter(make_csr, loop, view):
    csr = make_csr()
    n = csr.num_cols
    x = {
        "transposed": torch.randn(6, n).t(),
        "stepped": torch.randn(n, 12)[:, ::2],
        "expanded": torch.randn(1, 6).expand(n, 6),
        "column": torch.randn(n, 9)[:, 2:8],
        "heads": torch.randn(n, 3, 2).transpose(1, 2),
    }[view]
    weight = torch.randn(csr.nnz, 2)[:, 1]
    near(spmm(csr, x, weight), loop(csr, x, weight))
    if view == "heads":
        weight = torch.randn(2, csr.nnz).t()
        near(spmm(csr, x, weight), loop(csr, x, weight))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_out_is_written_through_views(make_csr, loop, dtype):
    csr = make_csr()
    x = torch.randn(csr.num_cols, 4)
    slab = torch.full((csr.num_rows, 3, 4), float("nan"), dtype=dtype)
    assert spmm(csr, x, out=slab[:, 1]).data_ptr() == slab[:, 1].data_ptr()
    near(slab[:, 1], loop(csr, x, None), 1e-2 if dtype == torch.float16 else 1e-5)
    assert slab[:, [0, 2]].isnan().all()
    turned = torch.empty(4, csr.num_rows, dtype=dtype).t()
    near(spmm(csr, x, out=turned), loop(csr, x, None), 1e-2)
    weight, heads = torch.randn(csr.nnz, 2), torch.randn(csr.num_cols, 2, 5)
    out = torch.empty(csr.num_rows, 2, 5)
    near(spmm(csr, heads, weight, out=out), loop(csr, heads, weight))


def test_same_bits_for_any_number_of_threads(make_csr):
    csr = make_csr(300, 200, 5000)
    x, weight = torch.randn(200, 8, 16), torch.randn(5000, 8)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(spmm(csr, x, weight))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": torch.randn(3, 2)}, "csr.transpose"),
        ({"x": torch.ones(7, 2, dtype=torch.long)}, r"\.float\(\)"),
        ({"x": torch.randn(7, 1, 1, 1)}, "at most"),
        ({"weight": torch.randn(3)}, "one row per entry"),
        ({"weight": torch.randn(40, 2)}, "heads"),
        ({"out": torch.randn(2, 2)}, "out is"),
        ({"x": torch.randn(7, 2, requires_grad=True), "out": torch.empty(9, 2)}, "no_grad"),
    ],
)
def test_errors_say_how_to_fix_them(make_csr, change, words):
    arguments = {"x": torch.randn(7, 2), "weight": None, "out": None} | change
    with pytest.raises(DataError, match=words):
        spmm(make_csr(), arguments["x"], arguments["weight"], out=arguments["out"])
