"""What methods say of nodes and of pairs."""

from __future__ import annotations

import pytest
import torch

from hetgraph.data import EdgeType
from hetgraph.errors import DataError
from hetgraph.nn import ComplEx, DistMult, Dot, PairMLP
from hetgraph.tasks import NodePredictions, PairPredictions, TaskSpec
from hetgraph.tasks.nodes import node_rows
from hetgraph.tasks.pairs import is_finite, pair_rows

ENDS = (("a", "b"), ("b", "a"), ("a", "a"))


@pytest.fixture
def vectors() -> dict[str, torch.Tensor]:
    return {"a": torch.randn(5, 4), "b": torch.randn(7, 4)}


def test_rows_of_nodes() -> None:
    values = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    given = NodePredictions(values)
    assert torch.equal(given.of(torch.tensor([4, 0])), values[[4, 0]])
    here = given.cpu().values
    assert (here.dtype, here.requires_grad) == (torch.float32, False)
    assert torch.equal(node_rows(given, 6, 3), values.detach().float())
    with pytest.raises(DataError, match=r"shape \[6, 3\], expected \[6, 1\]"):
        node_rows(given, 6, 1)
    with pytest.raises(DataError, match="PairPredictions, expected NodePredictions"):
        node_rows(PairPredictions({}, Dot(), ()), 6, 3)


@pytest.mark.parametrize("relation", [0, 1, 2])
@pytest.mark.parametrize("decoder", [DistMult(4, 3), ComplEx(4, 3)])
def test_scores_of_pairs_and_of_all_candidates_are_the_same(vectors, decoder, relation) -> None:
    given = PairPredictions(vectors, decoder, ENDS)
    src, dst = (len(vectors[name]) for name in ENDS[relation])
    pairs = torch.cartesian_prod(torch.arange(src), torch.arange(dst)).T
    table = given.of(pairs, relation).reshape(src, dst)
    known = torch.tensor([3, 0, 4])
    torch.testing.assert_close(given.candidates(known, relation), table[known])
    torch.testing.assert_close(given.candidates(known, relation, "src"), table.T[known])
    assert not table.requires_grad
    alone = PairPredictions(vectors, type(decoder)(4), (ENDS[relation],))
    alone.decoder.load_state_dict({"weight": decoder.weight[relation : relation + 1]})
    torch.testing.assert_close(alone.of(pairs).reshape(src, dst), table)
    torch.testing.assert_close(alone.queries() @ vectors[ENDS[relation][1]].T, table)


def test_outputs_of_a_network(vectors) -> None:
    decoder = PairMLP(4, 3)
    given = PairPredictions(vectors, decoder, (("a", "b"),))
    pairs = torch.tensor([[0, 4], [6, 1]])
    torch.testing.assert_close(given.of(pairs), decoder(vectors["a"], vectors["b"], pairs))


def test_predictions_go_to_main_memory(vectors) -> None:
    wide = {name: x.double().requires_grad_() for name, x in vectors.items()}
    given = PairPredictions(wide, Dot(), ENDS)
    here = given.cpu()
    assert {x.dtype for x in here.vectors.values()} == {torch.float32}
    assert not any(x.requires_grad for x in here.vectors.values())
    assert here.decoder is given.decoder
    assert here.ends == ENDS


def test_vectors_must_be_of_all_nodes(vectors) -> None:
    spec = TaskSpec("link-prediction", "a", 1, num_nodes={"a": 5, "b": 7},
                    edge_types=(EdgeType("a", "x", "b"),))  # fmt: skip
    given = PairPredictions(vectors, Dot(), (("a", "b"),))
    assert pair_rows(given, spec).vectors.keys() == vectors.keys()
    with pytest.raises(DataError, match="6 vectors of 'b', expected 7, one per node"):
        pair_rows(PairPredictions({**vectors, "b": vectors["b"][1:]}, Dot(), ENDS), spec)
    with pytest.raises(DataError, match="0 vectors of 'b'"):
        pair_rows(PairPredictions({"a": vectors["a"]}, Dot(), ENDS), spec)
    with pytest.raises(DataError, match="NodePredictions, expected PairPredictions"):
        pair_rows(NodePredictions(torch.zeros(3, 1)), spec)


def test_vectors_that_are_not_finite(vectors) -> None:
    given = PairPredictions(vectors, Dot(), ENDS)
    assert is_finite(given)
    vectors["b"][2, 3] = torch.inf
    assert not is_finite(given)
