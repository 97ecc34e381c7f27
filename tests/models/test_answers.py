"""Every offered pair of a model and a family answers, about its own graph and about a grown one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import Tensor

import hetgraph
from hetgraph.catalog import Dataset
from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.runs import Fitted
from hetgraph.tasks import task_class

from .test_matrix import BUYS, ITEMS, OPTIONS, PAIRS, SETTINGS, TAGS, USERS, shop, target

pytestmark = pytest.mark.filterwarnings("ignore:every node is in exactly one hyperedge")

LOCAL = {"gat", "geni", "hgt", "latte", "mlp", "prototype", "rgcn", "simple_hgn"}
"""Models whose answer about a node depends on what is at most ``REACH`` steps away."""
REACH = 2


def with_ids(graph: HeteroGraph) -> HeteroGraph:
    """The graph with the user's own ids, of two kinds."""
    return graph.replace(
        ids={
            "user": [f"u{number}" for number in range(USERS)],
            "item": list(range(100, 100 + ITEMS)),
            "tag": [f"t{number}" for number in range(TAGS)],
        }
    )


def grown(graph: HeteroGraph) -> HeteroGraph:
    """The graph with a new user, who is stored first and buys item 3."""
    sizes = {**graph.num_nodes, "user": USERS + 1}

    def moved(key: EdgeType, relation: Relation) -> Relation:
        ends = [
            nodes + (name == "user")
            for name, nodes in zip((key.src, key.dst), relation.edges(), strict=True)
        ]
        if BUYS in (key, graph.schema.reverse_of(key)):
            new = {"user": torch.tensor([0]), "item": torch.tensor([3])}
            names = (key.src, key.dst)
            ends = [torch.cat([nodes, new[name]]) for name, nodes in zip(names, ends, strict=True)]
        return Relation.from_edges(*ends, sizes[key.src], sizes[key.dst])

    return graph.replace(
        num_nodes=sizes,
        relations={key: moved(key, relation) for key, relation in graph.relations.items()},
        features={**graph.features, "user": torch.cat([torch.zeros(1, 5), graph.features["user"]])},
        ids={**graph.ids, "user": ["new", *graph.ids["user"].to_pylist()]},
        text={"user": ["user new", *graph.text["user"].to_pylist()]},
    )


def trained(model: str, family: str) -> Fitted:
    """A model after two epochs on the shop."""
    hidden, asked = target(with_ids(shop()), task_class(family).reads)
    return hetgraph.fit(
        model,
        Dataset("toy/shop", hidden, asked),
        task=family,
        settings={
            "model": SETTINGS.get(model, {}),
            "task": OPTIONS.get(family, {}),
            "train": {"max_epochs": 2, "batch_size": 200, "device": "cpu"},
        },
        progress=False,
    )


def said(fitted: Fitted, graph: HeteroGraph) -> dict[str, Tensor]:
    """Numbers that the model has for old nodes, by type: outputs of users, or vectors of ends."""
    moved = fitted.moved(graph)
    if fitted.model.spec.edge_types:
        return dict(moved.pairs.vectors)
    return {"user": moved.of_nodes(torch.arange(graph.num_nodes["user"]))[0]}


@pytest.mark.parametrize(("model", "family"), PAIRS)
def test_every_offered_pair_answers(
    model: str, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    fitted = trained(model, family)
    run = fitted.run
    with torch.no_grad():
        known = run.model.predict(run.inputs, "test")
    own = said(fitted, run.dataset.graph)
    if not run.task.spec.edge_types:  # the answers are what was scored
        test = run.task.index("test")
        assert torch.allclose(own["user"][test], run.task.to_tensor(known, "test"), atol=1e-6)
    check_table(fitted.predict(), fitted)

    larger = grown(run.dataset.graph)
    now = said(fitted, larger)
    assert all(bool(torch.isfinite(rows).all()) for rows in now.values())
    if model in LOCAL and not run.task.spec.edge_types:
        far = far_users(larger)
        assert far.numel(), "nobody is far from the new user"
        assert torch.allclose(now["user"][1:][far], own["user"][far], atol=1e-5)
    table = fitted.predict(["new"], graph=larger) if knows_nodes(fitted) else None
    if table is not None:
        assert set(table.column("id" if "id" in table.column_names else "src").to_pylist()) == {
            "new"
        }


def knows_nodes(fitted: Fitted) -> bool:
    return not fitted.model.spec.edge_types or fitted.outputs.kind == "score"


def far_users(graph: HeteroGraph) -> Tensor:
    """Users, as numbered before, that are no more than two steps from the new one."""
    near = torch.zeros(graph.num_nodes["user"], dtype=torch.bool)
    for key, relation in graph.relations.items():
        if key.src == "user" and key.dst == "item":
            src, dst = relation.edges()
            near[src[dst == 3]] = True
    return (~near[1:]).nonzero().squeeze(1)


def check_table(table: pa.Table, fitted: Fitted) -> None:
    """Checks ids, columns and ranges of a table of answers."""
    kind, names = fitted.outputs.kind, table.column_names
    if kind == "class":
        chances = torch.tensor([table.column(f"p_{label}").to_pylist() for label in range(3)])
        assert torch.allclose(chances.sum(0), torch.ones(table.num_rows), atol=1e-5)
        best = torch.tensor(table.column("prediction").to_pylist())
        assert torch.equal(best, chances.argmax(0))
    if kind == "number":
        assert all(value is not None for value in table.column("value").to_pylist())
    if not fitted.model.spec.edge_types:
        assert table.column("id").to_pylist() == [f"u{number}" for number in range(USERS)]
        return
    edges = fitted.graph.relations[BUYS]
    if kind != "score":
        assert table.num_rows == edges.num_edges
        return
    assert names == ["src", "dst", "rank", "score"]
    listed = set(zip(table.column("src").to_pylist(), table.column("dst").to_pylist(), strict=True))
    src, dst = edges.edges()
    bought = {(f"u{s}", 100 + d) for s, d in zip(src.tolist(), dst.tolist(), strict=True)}
    held = fitted.run.dataset.links["links"].test
    bought |= {(f"u{s}", 100 + d) for s, d in held.T.tolist()}
    assert not listed & bought
    assert table.num_rows == len(listed) == 10 * USERS
