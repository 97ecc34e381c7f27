"""Features of a fixed dimension that mean the same on other graphs."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import CSR, HeteroGraph
from hetgraph.nn import AlignedInput

DENSE = torch.randn(40, 9, generator=torch.Generator().manual_seed(0))
CODES = torch.randint(0, 5, (40,), generator=torch.Generator().manual_seed(1))


def graph_of(features: torch.Tensor | CSR | None, size: int = 40) -> HeteroGraph:
    given = {} if features is None else {"paper": features}
    return HeteroGraph(num_nodes={"paper": size}, relations={}, features=given)


@pytest.mark.parametrize(
    "features", [DENSE, CSR.from_dense(DENSE * (DENSE > 1)), CODES, None], ids=lambda x: type(x)
)
@pytest.mark.parametrize("dim", [4, 16])
def test_the_graph_of_training_is_aligned_as_in_training(
    features: torch.Tensor | CSR | None, dim: int
) -> None:
    graph = graph_of(features)
    aligned = AlignedInput(graph.schema, "paper", 40, dim)
    made = aligned.fit(graph, seed=3)
    assert made.shape == (40, dim)
    torch.testing.assert_close(aligned(graph), made, atol=1e-5, rtol=1e-4)


def test_a_row_does_not_depend_on_the_others() -> None:
    aligned = AlignedInput(graph_of(DENSE).schema, "paper", 40, 4)
    made = aligned.fit(graph_of(DENSE), seed=0)
    few = aligned(graph_of(DENSE[[7, 3]], 2))
    torch.testing.assert_close(few, made[[7, 3]], atol=1e-5, rtol=1e-4)


def test_categories_that_do_not_occur_are_allowed() -> None:
    aligned = AlignedInput(graph_of(CODES).schema, "paper", 40, 4)
    made = aligned.fit(graph_of(CODES), seed=0)
    few = aligned(graph_of(torch.zeros(2, dtype=torch.int64), 2))
    torch.testing.assert_close(few[0], made[CODES == 0][0], atol=1e-5, rtol=1e-4)
