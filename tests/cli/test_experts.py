from __future__ import annotations

from collections.abc import Callable

SHORT = ("--set", "model.expert.epochs=2", "--set", "model.expert.dim=8")


def test_an_expert_is_trained_and_listed(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("experts")
    assert (code, out) == (
        0,
        "There is no expert yet; `hetgraph experts gph2 DATASET` trains one.\n",
    )
    code, out, _ = hetgraph("experts", "gph2", "synthetic/academic", *SHORT)
    assert code == 0
    assert "synthetic/academic" in out
    assert hetgraph("experts").out == out
    assert hetgraph("experts", "gph2", "synthetic/academic", *SHORT).out == out


def test_what_does_not_fit_is_told(hetgraph: Callable) -> None:
    code, _, err = hetgraph("experts", "gph2")
    assert (code, "which graph?" in err) == (2, True)
    code, _, err = hetgraph("experts", "mlp", "synthetic/academic")
    assert (code, "'mlp' has no experts" in err) == (2, True)
    code, _, err = hetgraph("experts", "gph2", "synthetic/academic", "--set", "expert.epoch=2")
    assert (code, "Did you mean 'epochs'" in err) == (2, True)
