from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn import functional as F

from hetgraph.data import CSR
from hetgraph.errors import DataError
from hetgraph.ops import edge_attention
from hetgraph.ops._attention import Operands, ScoreForm
from hetgraph.ops.edge_attention import _chained

FORMS = {
    "dot": ("query", "key"),
    "additive": ("row_score", "col_score"),
    "source": ("col_score",),
    "edge": ("edge_score",),
    "all": ("query", "key", "row_score", "col_score", "edge_score"),
}


def operands(csr, names, heads=2, dim=3, key_dim=4, dtype=torch.float64):
    shapes = {
        "value": (csr.num_cols, heads, dim),
        "query": (csr.num_rows, heads, key_dim),
        "key": (csr.num_cols, heads, key_dim),
        "row_score": (csr.num_rows, heads),
        "col_score": (csr.num_cols, heads),
        "edge_score": (csr.nnz, heads),
    }
    return {
        name: torch.randn(shapes[name], dtype=dtype, requires_grad=True)
        for name in ("value", *names)
    }


def attend(csr, tensors, **options):
    rest = dict(tensors)
    first = [rest.pop(name, None) for name in ("query", "key", "value")]
    return edge_attention(csr, *first, **rest, **options)


def oracle(csr, t, slope=0.2, scale=None):
    """Float64, entry by entry with PyTorch's own softmax; differentiable."""
    rows, cols = csr.coo()
    t = {name: tensor.double() for name, tensor in t.items()}
    score = torch.zeros(csr.nnz, t["value"].shape[1], dtype=torch.float64)
    if "query" in t:
        scale = t["query"].shape[2] ** -0.5 if scale is None else scale
        score = score + scale * (t["query"][rows] * t["key"][cols]).sum(-1)
    pre = torch.zeros_like(score)
    for name, index in (("row_score", rows), ("col_score", cols), ("edge_score", None)):
        if name in t:
            pre = pre + (t[name] if index is None else t[name][index])
    score = score + F.leaky_relu(pre, slope)
    out, lse = [], []
    for row in range(csr.num_rows):
        mine = rows == row
        weight = score[mine].softmax(0)
        out.append((weight.unsqueeze(-1) * t["value"][cols[mine]]).sum(0))
        lse.append(score[mine].logsumexp(0))
    return torch.stack(out), torch.stack(lse)


def compare(csr, tensors, tol, slope=0.2, scale=None):
    result, lse = attend(csr, tensors, return_logsumexp=True, negative_slope=slope, scale=scale)
    expected, expected_lse = oracle(csr, tensors, slope, scale)
    torch.testing.assert_close(result.double(), expected, atol=tol, rtol=tol)
    torch.testing.assert_close(lse.double(), expected_lse, atol=tol, rtol=tol)
    upstream = torch.randn_like(result)
    grads = torch.autograd.grad(result, list(tensors.values()), upstream)
    wanted = torch.autograd.grad(expected, list(tensors.values()), upstream.double())
    for name, grad, want in zip(tensors, grads, wanted, strict=True):
        torch.testing.assert_close(
            grad, want, atol=tol, rtol=tol, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("form", FORMS)
def test_matches_the_definition(make_csr, index_dtype, form):
    csr = make_csr(index_dtype=index_dtype)
    compare(csr, operands(csr, FORMS[form]), 1e-10)
    compare(csr, operands(csr, FORMS[form]), 1e-10, slope=1.0, scale=0.3)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_result_and_logsumexp(make_csr, form):
    csr = make_csr(5, 4, 14)
    tensors = operands(csr, FORMS[form], dim=2, key_dim=2)
    filled = csr.degree > 0

    def run(*values):
        result, lse = attend(csr, dict(zip(tensors, values, strict=True)), return_logsumexp=True)
        return result, lse[filled]

    assert gradcheck(run, tuple(tensors.values()))


@pytest.mark.parametrize("form", ["dot", "additive", "all"])
@pytest.mark.parametrize(("heads", "dim"), [(1, 5), (2, 16), (3, 4)])
def test_hub_in_runs_of_rows(hub, small_chunks, form, heads, dim):
    tensors = operands(hub, FORMS[form], heads=heads, dim=dim, key_dim=dim)
    compare(hub, tensors, 1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_fused_and_chained_agree(make_csr, form):
    csr = make_csr(60, 50, 900)
    tensors = operands(csr, FORMS[form], heads=4, dim=16, key_dim=16)
    scale = 16**-0.5
    fused, lse = attend(csr, tensors, return_logsumexp=True)
    chained, chained_lse = _chained(csr, ScoreForm(scale, 0.2), Operands(**tensors), True)
    torch.testing.assert_close(fused, chained)
    torch.testing.assert_close(lse, chained_lse)
    upstream = torch.randn_like(fused)
    for first, second in zip(
        torch.autograd.grad(fused, list(tensors.values()), upstream),
        torch.autograd.grad(chained, list(tensors.values()), upstream),
        strict=True,
    ):
        torch.testing.assert_close(first, second)


def test_one_gradient_is_enough(make_csr):
    csr = make_csr()
    for wanted in FORMS["all"]:
        tensors = {n: t.detach() for n, t in operands(csr, FORMS["all"]).items()}
        tensors[wanted].requires_grad_()
        upstream = torch.randn(csr.num_rows, 2, 3, dtype=torch.float64)
        (grad,) = torch.autograd.grad(attend(csr, tensors), tensors[wanted], upstream)
        (want,) = torch.autograd.grad(oracle(csr, tensors)[0], tensors[wanted], upstream)
        torch.testing.assert_close(grad, want)


def test_rows_sum_weights_to_one_and_empty_rows_are_zero(make_csr):
    csr = make_csr()
    tensors = operands(csr, FORMS["all"])
    tensors["value"] = torch.ones_like(tensors["value"])
    result, lse = attend(csr, tensors, return_logsumexp=True)
    filled = csr.degree > 0
    torch.testing.assert_close(result[filled], torch.ones_like(result[filled]))
    assert not result[~filled].any()
    assert lse[~filled].eq(-torch.inf).all()


def test_softmax_over_two_relations_by_logsumexp(make_csr):
    first, second = make_csr(seed=1), make_csr(seed=2)
    both = CSR.from_coo(
        torch.cat([first.row_ids, second.row_ids]),
        torch.cat([first.indices.long(), second.indices.long()]),
        first.shape,
    )
    tensors = operands(first, FORMS["dot"])
    results = [attend(csr, tensors, return_logsumexp=True) for csr in (first, second)]
    weights = torch.stack([lse for _, lse in results]).softmax(0).nan_to_num()
    merged = sum(w.unsqueeze(-1) * out for w, (out, _) in zip(weights, results, strict=True))
    expected = attend(both, tensors)
    torch.testing.assert_close(merged, expected)
    upstream = torch.randn_like(merged)
    filled = (first.degree > 0) & (second.degree > 0)
    upstream[~filled] = 0
    mine = torch.autograd.grad(merged, tensors["query"], upstream)
    want = torch.autograd.grad(expected, tensors["query"], upstream)
    torch.testing.assert_close(mine, want)


def test_masked_entries_and_large_scores(make_csr):
    csr = make_csr()
    tensors = operands(csr, ("edge_score",), dtype=torch.float32)
    with torch.no_grad():
        tensors["edge_score"] *= 500
        tensors["edge_score"][csr.row_ids == 0] = -torch.inf
    result = attend(csr, tensors)
    assert not result[0].any()
    assert result.isfinite().all()
    (grad,) = torch.autograd.grad(result.sum(), tensors["value"])
    assert grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(make_csr, dtype):
    csr = make_csr()
    tensors = operands(csr, FORMS["all"], heads=2, dim=16, key_dim=16, dtype=dtype)
    result = attend(csr, tensors)
    assert result.dtype == dtype
    expected, _ = oracle(csr, tensors)
    torch.testing.assert_close(result.double(), expected, atol=3e-2, rtol=3e-2)
    upstream = torch.randn_like(result)
    grads = torch.autograd.grad(result, list(tensors.values()), upstream)
    wanted = torch.autograd.grad(expected, list(tensors.values()), upstream.double())
    for tensor, grad, want in zip(tensors.values(), grads, wanted, strict=True):
        assert grad.dtype == tensor.dtype
        torch.testing.assert_close(grad, want, atol=6e-2, rtol=6e-2)


def test_strides_and_heads_of_one_tensor(make_csr):
    csr = make_csr(7, 7)
    fused = torch.randn(7, 3, 2, 16, dtype=torch.float64)
    query, key, value = fused.unbind(1)
    whole = {"value": value.clone(), "query": query.clone(), "key": key.clone()}
    expected = oracle(csr, whole)[0]
    torch.testing.assert_close(edge_attention(csr, query, key, value), expected)


@pytest.mark.parametrize(("rows", "cols"), [(3, 2), (0, 2), (3, 0)])
def test_empty_relation(rows, cols):
    none = torch.zeros(0, dtype=torch.long)
    csr = CSR.from_coo(none, none, (rows, cols))
    tensors = operands(csr, FORMS["all"])
    result = attend(csr, tensors)
    assert result.shape == (rows, 2, 3)
    assert not result.any()
    result.sum().backward()
    assert not any(t.grad.any() for t in tensors.values())


def test_zero_dim_values(make_csr):
    csr = make_csr()
    assert attend(csr, operands(csr, FORMS["additive"], dim=0)).shape == (9, 2, 0)


def test_autocast(make_csr):
    csr = make_csr()
    tensors = operands(csr, FORMS["dot"], dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = attend(csr, tensors)
    torch.testing.assert_close(result.double(), oracle(csr, tensors)[0], atol=1e-5, rtol=1e-5)


def test_matches_pyg_gatconv(make_csr):
    nn = pytest.importorskip("torch_geometric.nn")
    csr = make_csr()
    conv = nn.GATConv((5, 6), 4, heads=3, add_self_loops=False, bias=False)
    src, dst = torch.randn(csr.num_cols, 5), torch.randn(csr.num_rows, 6)
    expected = conv(
        (src, dst), torch.stack([csr.indices.long(), csr.row_ids]), size=csr.shape[::-1]
    )
    value = conv.lin_src(src).view(-1, 3, 4)
    row = (conv.lin_dst(dst).view(-1, 3, 4) * conv.att_dst).sum(-1)
    result = edge_attention(
        csr, None, None, value, row_score=row, col_score=(value * conv.att_src).sum(-1)
    )
    torch.testing.assert_close(result.flatten(1), expected)


def test_matches_pyg_transformerconv(make_csr):
    nn = pytest.importorskip("torch_geometric.nn")
    csr = make_csr()
    conv = nn.TransformerConv((5, 6), 4, heads=3, root_weight=False)
    src, dst = torch.randn(csr.num_cols, 5), torch.randn(csr.num_rows, 6)
    expected = conv((src, dst), torch.stack([csr.indices.long(), csr.row_ids]))
    query, key, value = (
        layer(x).view(-1, 3, 4)
        for layer, x in ((conv.lin_query, dst), (conv.lin_key, src), (conv.lin_value, src))
    )
    torch.testing.assert_close(edge_attention(csr, query, key, value).flatten(1), expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"query": None}, "pass both or neither"),
        ({"query": None, "key": None}, "no score is given"),
        ({"value": torch.randn(7, 6)}, "heads, dim"),
        ({"key": torch.randn(7, 3, 4)}, "2 heads of value"),
        ({"key": torch.randn(7, 2, 5)}, "must be equal"),
        ({"row_score": torch.randn(9, 2, 1)}, "row_score"),
        ({"edge_score": torch.randn(3, 2)}, "edge_score"),
    ],
)
def test_errors_say_how_to_fix_them(make_csr, change, words):
    csr = make_csr()
    with pytest.raises(DataError, match=words):
        attend(csr, operands(csr, FORMS["dot"], dtype=torch.float32) | change)
