"""With constant generators the layer is HGT as PyG has it."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, EdgeType
from hetgraph.models.higpt.descriptions import TypeVectors
from hetgraph.models.higpt.tokenizer import Tokenizer, TokenizerShape

pyg = pytest.importorskip("torch_geometric.nn", reason="torch-geometric is not installed")


def test_constant_generators_are_hgt() -> None:
    torch.manual_seed(0)
    counts, width, heads = {"author": 6, "paper": 8}, 8, 2
    keys = [EdgeType("author", "to", "paper"), EdgeType("paper", "to", "author"),
            EdgeType("paper", "cites", "paper")]  # fmt: skip
    conv = pyg.HGTConv(width, width, (list(counts), [tuple(k) for k in keys]), heads).double()
    for name in counts:
        torch.nn.init.normal_(conv.kqv_lin.lins[name].bias)
    x = {name: torch.randn(n, width, dtype=torch.float64) for name, n in counts.items()}
    edges = {k: torch.stack([torch.randint(counts[k.src], (12,)),
                             torch.randint(counts[k.dst], (12,))]) for k in keys}  # fmt: skip
    relations = {k: CSR.from_coo(e[1], e[0], (counts[k.dst], counts[k.src]))
                 for k, e in edges.items()}  # fmt: skip
    theirs = conv(x, {tuple(k): e for k, e in edges.items()})

    tokenizer = Tokenizer(TokenizerShape(4, width, width, heads, norm=False)).double()
    types = TypeVectors({n: torch.zeros(4).double() for n in counts},
                        {k: torch.zeros(4).double() for k in keys})  # fmt: skip
    made = tokenizer.weights(types)[0]
    # One map for all heads here, one for each head there: give theirs ours.
    with torch.no_grad():
        for one, maps in ((conv.k_rel, made.key), (conv.v_rel, made.value)):
            for place in range(heads * len(keys)):
                one.weight[place].copy_(maps[keys[place % len(keys)]][0])
        for key in keys:
            conv.p_rel["__".join(key)].copy_(made.prior[key].unsqueeze(0))
        for key in keys:
            made.key[key][1].zero_()
            made.value[key][1].zero_()
        for name in counts:
            made.kqv[name][0].copy_(conv.kqv_lin.lins[name].weight.t())
            made.kqv[name][1].copy_(conv.kqv_lin.lins[name].bias)
            made.out[name][0].copy_(conv.out_lin.lins[name].weight.t())
            made.out[name][1].copy_(conv.out_lin.lins[name].bias)
            made.gate[name].copy_(conv.skip[name].sigmoid()[0])
        theirs = conv(x, {tuple(k): e for k, e in edges.items()})
        ours = tokenizer(x, relations, [made])
    for name in counts:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-9, rtol=0)
