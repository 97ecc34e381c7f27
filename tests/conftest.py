"""Graphs and folders that many tests share."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import pytest
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation
from hetgraph.nn import EdgeReader, JointGraph, layer_plans


def pytest_configure() -> None:
    """Gives each process of ``pytest -n`` one core, and Ctrl-C its meaning in the background."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start
        torch.set_num_threads(1)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the public benchmark files; tests that need it are skipped without it."""
    folder = os.environ.get("HETGRAPH_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HETGRAPH_DATA does not name a folder with the benchmark files")
    return Path(folder)


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands write below the current folder and the caches: none of them is the user's."""
    monkeypatch.setenv("HETGRAPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hetgraph(own_folders: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs ``hetgraph WORDS...`` in this process; returns exit code, stdout and stderr."""
    from hetgraph.cli import main

    def run(*words: str) -> Outcome:
        try:
            code = main(words)
        except SystemExit as left:  # argparse leaves this way after --help and --version
            code = int(left.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def toy_graph() -> HeteroGraph:
    """Two authors, three papers, one venue; a0-p0, a0-p1, a1-p1, a1-p2, all papers at v0."""
    writes = Relation.from_edges(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 2]), 2, 3)
    held = Relation.from_edges(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0]), 3, 1)
    forward = EdgeType("author", "writes", "paper")
    backward = EdgeType("paper", "written_by", "author")
    at = EdgeType("paper", "published_at", "venue")
    return HeteroGraph(
        num_nodes={"author": 2, "paper": 3, "venue": 1},
        relations={forward: writes, backward: writes.transpose, at: held},
        features={"author": torch.eye(2), "paper": torch.tensor([[1.0], [2.0], [3.0]])},
        reverses=[(forward, backward)],
        name="toy",
    )


@pytest.fixture
def random_graph() -> Callable[..., HeteroGraph]:
    """Factory of small random multigraphs with self-loops, parallel edges and isolated nodes."""

    def build(seed: int = 0, *, num_nodes: int = 20, num_edges: int = 60) -> HeteroGraph:
        generator = torch.Generator().manual_seed(seed)
        counts = {"author": num_nodes, "paper": num_nodes + 7, "term": num_nodes // 2 + 1}

        def relation(src: str, dst: str, edges: int) -> Relation:
            # The last node of every type stays isolated.
            src_ids = torch.randint(counts[src] - 1, (edges,), generator=generator)
            dst_ids = torch.randint(counts[dst] - 1, (edges,), generator=generator)
            return Relation.from_edges(src_ids, dst_ids, counts[src], counts[dst])

        writes = relation("author", "paper", num_edges)
        cites = relation("paper", "paper", num_edges)
        has = relation("paper", "term", num_edges)
        types = {
            EdgeType("author", "writes", "paper"): writes,
            EdgeType("paper", "written_by", "author"): writes.transpose,
            EdgeType("paper", "cites", "paper"): cites,
            EdgeType("paper", "has", "term"): has,
        }
        keys = list(types)
        return HeteroGraph(
            num_nodes=counts,
            relations=types,
            features={
                "author": torch.randn(counts["author"], 6, generator=generator),
                "paper": torch.randn(counts["paper"], 9, generator=generator),
            },
            reverses=[(keys[0], keys[1])],
            name="random",
        )

    return build


@pytest.fixture
def edge_graph(random_graph: Callable[..., HeteroGraph]) -> Callable[..., HeteroGraph]:
    """Factory of random multigraphs whose edges carry something: weights, features and times.

    ``writes`` and its reverse have all three, ``cites`` features of another dim and ``has`` times;
    ``only`` names what is kept, ``salt`` draws other values for the same edges.
    """

    def build(
        seed: int = 0,
        *,
        salt: int = 1,
        only: tuple[str, ...] = ("weight", "edge_features", "edge_time"),
        **sizes: int,
    ) -> HeteroGraph:
        graph = random_graph(seed, **sizes)
        generator = torch.Generator().manual_seed(salt)

        def carrying(name: str, feature_dim: int, *words: str) -> Relation:
            relation = next(r for key, r in graph.relations.items() if key.name == name)
            count = relation.num_edges
            drawn = {
                "weight": torch.rand(count, generator=generator) + 0.1,
                "edge_features": torch.randn(count, feature_dim, generator=generator),
                "edge_time": 10**9 + torch.randint(10**8, (count,), generator=generator),
            }
            return replace(relation, **{k: drawn[k] for k in words if k in only}, _cache={})

        writes = carrying("writes", 2, "weight", "edge_features", "edge_time")
        cites, has = carrying("cites", 3, "edge_features"), carrying("has", 0, "edge_time")
        changed = {
            **{"writes": writes, "written_by": writes.transpose},
            **{"cites": cites, "has": has},
        }
        return graph.replace(relations={key: changed[key.name] for key in graph.relations})

    return build


@pytest.fixture
def edge_joint(edge_graph: Callable[..., HeteroGraph]) -> tuple[JointGraph, dict[EdgeType, int]]:
    """All nodes and edges of a graph whose edges carry something, in float64, and its dims."""
    settings = {"edge_weights": True, "edge_features": True, "edge_times": True, "time_unit": None}
    graph = edge_graph(num_nodes=12, num_edges=50)
    plan = layer_plans(graph.schema, "author", 3)[0]
    reader = EdgeReader(graph.schema, plan.edge_types, SimpleNamespace(**settings))
    edges = reader.read(graph)
    joint = JointGraph.join(plan, graph.num_nodes, graph.relations).with_edges(plan, edges)
    carried = joint.edges
    assert carried is not None
    assert carried.log_weight is not None
    inputs = {
        key: replace(edge, values=None if edge.values is None else edge.values.double())
        for key, edge in carried.inputs.items()
    }
    doubled = replace(carried, log_weight=carried.log_weight.double(), inputs=inputs)
    return replace(joint, edges=doubled), reader.dims


@pytest.fixture
def multigraph() -> Callable[..., HeteroGraph]:
    """Factory: parallel edges, loops, isolated nodes; declared, undeclared and own reverses."""

    def build(seed: int = 0, *, size: int = 12, edges: int = 40, weighted: bool = False):
        generator = torch.Generator().manual_seed(seed)
        counts = {"a": size, "b": size + 5, "c": size // 2}

        def relation(src: str, dst: str) -> Relation:
            ids = [torch.randint(counts[t] - 1, (edges,), generator=generator) for t in (src, dst)]
            weight = torch.rand(edges, generator=generator) + 0.5 if weighted else None
            return Relation.from_edges(*ids, counts[src], counts[dst], weight=weight)

        ab, loops = relation("a", "b"), relation("a", "a")
        types = {
            EdgeType("a", "ab", "b"): ab,
            EdgeType("b", "ba", "a"): ab.transpose,
            EdgeType("b", "bc", "c"): relation("b", "c"),
            EdgeType("b", "cites", "b"): relation("b", "b"),
            EdgeType("a", "friend", "a"): Relation.from_edges(
                *(torch.cat(pair) for pair in zip(loops.edges(), loops.edges()[::-1], strict=True)),
                *loops.shape,
            ),
        }
        keys = list(types)
        reverses = [(keys[0], keys[1]), (keys[4], keys[4])]
        return HeteroGraph(num_nodes=counts, relations=types, reverses=reverses)

    return build


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module ``tiny.py`` of the tests of the trainer."""
    if "tiny" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "tiny", Path(__file__).parent / "train" / "tiny.py"
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules["tiny"] = module
        spec.loader.exec_module(module)
    return sys.modules["tiny"]
