"""Scores and messages of the inputs of edges against a loop over the edges."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hetgraph.data import CSR
from hetgraph.nn import EdgeInputs, EdgeMap

DIM, HEADS, OUT = 3, 2, 4


def example(nnz: int = 40) -> tuple[EdgeInputs, EdgeMap]:
    rows, cols = torch.randint(9, (nnz,)), torch.randint(5, (nnz,))
    pattern = CSR.from_coo(rows, cols, (10, 5))  # no edge leads to the last row
    values = torch.randn(nnz, DIM, dtype=torch.float64)
    edge_map = EdgeMap(DIM, HEADS, OUT).double()
    with torch.no_grad():
        for parameter in edge_map.parameters():
            parameter.normal_()
    return EdgeInputs.of(pattern, None, values), edge_map


def test_scores_and_messages_equal_the_loop() -> None:
    inputs, edge_map = example()
    values = inputs.values
    assert values is not None
    alpha = torch.rand(40, HEADS, dtype=torch.float64, requires_grad=True)
    scores = edge_map.scores(inputs)
    messages = edge_map.messages(inputs, alpha)
    rows = inputs.relation.row_ids
    expected = [[torch.zeros(OUT, dtype=torch.float64) for _ in range(HEADS)] for _ in range(10)]
    for edge in range(40):
        for head in range(HEADS):
            assert torch.allclose(scores[edge, head], values[edge] @ edge_map.score[:, head])
            sent = alpha[edge, head] * (values[edge] @ edge_map.message[head])
            expected[rows[edge]][head] = expected[rows[edge]][head] + sent
    looped = torch.stack([torch.stack(heads) for heads in expected])
    torch.testing.assert_close(messages, looped)
    upstream = torch.randn_like(messages)
    wanted = [alpha, edge_map.message]
    ours = torch.autograd.grad(messages, wanted, upstream)
    theirs = torch.autograd.grad(looped, wanted, upstream)
    torch.testing.assert_close(ours, theirs)


def test_gradients_are_those_of_differences() -> None:
    inputs, edge_map = example()
    values = inputs.values
    assert values is not None
    alpha = torch.rand(40, HEADS, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda weights, _: edge_map.messages(inputs, weights),
        (alpha, edge_map.message),
    )
    assert torch.autograd.gradcheck(lambda _: edge_map.scores(inputs), (edge_map.score,))


def test_without_edges_nothing_is_sent() -> None:
    inputs, edge_map = example(0)
    assert inputs.values is not None
    alpha = torch.zeros(0, HEADS, dtype=torch.float64, requires_grad=True)
    messages = edge_map.messages(inputs, alpha)
    assert messages.shape == (10, HEADS, OUT)
    assert not bool(messages.any())
    messages.sum().backward()
    assert not bool(edge_map.message.grad.any())


def test_a_fresh_map_changes_nothing() -> None:
    edge_map = EdgeMap(DIM, HEADS, OUT)
    state = torch.random.get_rng_state()
    assert not any(bool(parameter.any()) for parameter in edge_map.parameters())
    EdgeMap(DIM, HEADS, OUT)
    assert torch.equal(state, torch.random.get_rng_state())  # nothing is drawn, either


class Largest(TorchDispatchMode):
    """Records the largest tensor that any operation returns."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided:
                self.numel = max(self.numel, tensor.numel())
        return result


def test_nothing_is_as_large_as_messages_of_edges() -> None:
    nnz, heads, dim = 4000, 4, 64
    pattern = CSR.from_coo(torch.randint(50, (nnz,)), torch.randint(40, (nnz,)), (50, 40))
    inputs = EdgeInputs.of(pattern, None, torch.randn(nnz, DIM))
    edge_map = EdgeMap(DIM, heads, dim)
    alpha = torch.rand(nnz, heads, requires_grad=True)
    with Largest() as largest:
        edge_map.messages(inputs, alpha).sum().backward()
    assert 0 < largest.numel <= nnz * heads
