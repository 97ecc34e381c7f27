"""Run by ``test_scale.py``: builds, describes, saves and loads a graph; prints one JSON line.

Seconds are CPU seconds of the process, so that a busy machine does not change the verdict.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from hetgraph.data import EdgeType, HeteroGraph, Relation

NODES = {"author": 1_134_649, "paper": 736_389, "field": 59_965, "institution": 8_740}
EDGES = {
    EdgeType("author", "writes", "paper"): 7_145_660,
    EdgeType("paper", "cites", "paper"): 5_416_271,
    EdgeType("paper", "has", "field"): 7_505_078,
    EdgeType("author", "at", "institution"): 1_043_998,
}
actual: dict[str, float] = {}


def memory(key: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{key}:")[1].split()[0]) * 1024


@contextmanager
def measure(name: str) -> Iterator[None]:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Forgets the peak.
    start = time.process_time()
    yield
    actual[f"{name}_seconds"] = time.process_time() - start


def main(folder: Path) -> None:
    before = memory("VmRSS")
    generator = np.random.default_rng(0)
    arrays = {
        key: tuple(generator.integers(NODES[end], size=size) for end in (key.src, key.dst))
        for key, size in EDGES.items()
    }
    size = sum(array.nbytes for pair in arrays.values() for array in pair)
    with measure("build"):
        graph = HeteroGraph(
            num_nodes=NODES,
            relations={
                key: Relation.from_edges(src, dst, NODES[key.src], NODES[key.dst])
                for key, (src, dst) in arrays.items()
            },
        )
    actual["build_peak_over_arrays"] = (memory("VmHWM") - before) / size
    with measure("summary"):
        graph.summary()
    features = torch.from_numpy(generator.standard_normal((NODES["paper"], 340), dtype=np.float32))
    graph = graph.with_features("paper", features)
    stored = features.nbytes + sum(relation.nbytes for relation in graph.relations.values())
    with measure("hash"):
        assert graph.content_hash
    actual["hash_bytes_per_second"] = stored / actual["hash_seconds"]
    graph.save(folder)
    actual["file_bytes"] = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    expected = graph.content_hash
    del graph, features, arrays
    before, private = memory("VmRSS"), memory("RssAnon")
    with measure("load"):
        graph = HeteroGraph.load(folder)
    actual["load_peak_over_file"] = (memory("VmHWM") - before) / actual["file_bytes"]
    actual["load_private_over_file"] = (memory("RssAnon") - private) / actual["file_bytes"]
    assert graph.content_hash == expected
    print(json.dumps(actual))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
