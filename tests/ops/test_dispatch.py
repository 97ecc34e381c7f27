from __future__ import annotations

import subprocess
import sys

import torch

from hetgraph.ops._dispatch import backend_of, compute_dtype
from hetgraph.ops._sparse import index32


def test_cpu_tensors_stay_on_cpu_kernels():
    assert backend_of(torch.zeros(1)) == "cpu"
    assert backend_of(torch.zeros(1, dtype=torch.float64)) == "cpu"


def test_half_precision_is_computed_in_float32():
    assert compute_dtype(torch.bfloat16) == compute_dtype(torch.float16) == torch.float32
    assert compute_dtype(torch.float64) == torch.float64


def test_narrow_indices_are_made_once(make_csr):
    wide = make_csr(index_dtype=torch.int64)
    assert index32(wide)[1].dtype == torch.int32
    assert index32(wide)[1] is index32(wide)[1]
    narrow = make_csr(index_dtype=torch.int32)
    assert index32(narrow)[1] is narrow.indices


def test_import_needs_no_optional_package():
    code = (
        "import sys, hetgraph.ops;"
        "bad = {'triton', 'torch_scatter', 'torch_geometric', 'dgl', 'pyg_lib'} & set(sys.modules);"
        "print(sorted(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_warning_reaches_the_user():
    code = (
        "import torch; from hetgraph.data import CSR; from hetgraph.ops import spmm;"
        "i = torch.tensor([0]); spmm(CSR.from_coo(i, i, (1, 1)), torch.ones(1, 2))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
