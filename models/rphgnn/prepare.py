"""From a task to prepared tensors: propagation, labels, storage, cache."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from hetgraph.data import HeteroGraph
from hetgraph.data.entries import check_sign
from hetgraph.files import atomic_dir
from hetgraph.models.rphgnn.features import input_matrices
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.labels import collect_labels, label_input
from hetgraph.models.rphgnn.products import dense_blocks, product_into
from hetgraph.models.rphgnn.propagate import Propagation, Sink
from hetgraph.models.rphgnn.slabs import Slabs, SlabWriter, load_slabs, slab_bytes
from hetgraph.models.rphgnn.squash import Projector, normalize_rows_
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task

__all__ = ["Inputs", "cache_key", "fill", "prepare"]

# Settings that change the prepared tensors; the others may vary without preparing again.
_PREPARATION = (
    *("iterations", "noise_dim", "use_input", "even_odd", "inner_hops", "squash", "projection"),
    *("sparsity", "target_dim", "edge_weights", "labels", "label_echo", "keep_rows", "storage"),
)


@dataclass(eq=False)
class Inputs:
    """What training needs once the graph has been read.

    Args:
        slabs: Prepared tensors of the stored target nodes.
        nodes: ``[num_rows]`` ids of the stored nodes.
    """

    slabs: Slabs
    nodes: Tensor


def prepare(
    task: Task,
    layout: Layout,
    seeds: Seeds,
    workdir: Path | None = None,
    device: torch.device | None = None,
) -> Inputs:
    """Computes the prepared tensors of a task, or reads them from the working folder.

    Args:
        task: Graph, labels and splits.
        layout: Groups and dims.
        seeds: ``seeds.projection`` draws noise features and random matrices.
        workdir: Folder of the cache and of memory-mapped tensors.
        device: Where to propagate; the stored tensors are in main memory either way.
    """
    if layout.config.keep_rows == "all" or task.spec.edge_types:  # pairs need any node
        nodes = torch.arange(task.graph.num_nodes[layout.target])
    else:
        nodes = torch.unique(torch.cat(list(task.open_splits().values())))

    def fill_into(writer: SlabWriter) -> Slabs:
        fill(task, layout, seeds, writer, device)
        return writer.finish()

    def key() -> str:
        return cache_key(task, layout, seeds, nodes)

    return Inputs(_store(layout, nodes, workdir, key, fill_into), nodes)


def _store(
    layout: Layout,
    nodes: Tensor,
    workdir: Path | None,
    key: Callable[[], str],
    fill_into: Callable[[SlabWriter], Slabs],
) -> Slabs:
    """Reads the slabs from the cache, or fills new ones in memory or in files."""
    config = layout.config
    size = slab_bytes(nodes.numel(), layout.shapes, config.storage)
    in_memory = size <= config.memory_map_gib * 2**30
    keep = config.cache == "always" or (config.cache == "mapped" and not in_memory)
    if workdir is not None and keep:
        cached = workdir / "rphgnn" / key()
        if not cached.is_dir():
            with atomic_dir(cached) as folder:
                fill_into(SlabWriter(nodes, layout.shapes, config.storage, folder))
        return load_slabs(cached, in_memory=in_memory)
    if in_memory:
        return fill_into(SlabWriter(nodes, layout.shapes, config.storage))
    if workdir is not None:
        workdir.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="hetgraph-", dir=workdir))
    writer = SlabWriter(nodes, layout.shapes, config.storage, scratch)
    weakref.finalize(writer.tensors[0], shutil.rmtree, scratch, ignore_errors=True)
    return fill_into(writer)


def fill(
    task: Task, layout: Layout, seeds: Seeds, sink: Sink, device: torch.device | None = None
) -> None:
    """Runs propagation and label collection into a sink.

    Args:
        task: Graph and labels.
        layout: Groups and dims.
        seeds: ``seeds.projection`` draws noise features and random matrices.
        sink: Receives every block of every group.
        device: Where to propagate; ``None``: where the graph is.

    Raises:
        DataError: If labels would be averaged by negative weights.
    """
    config, target = layout.config, layout.target
    if config.edge_weights:
        _check_label_weights(task.graph, layout)
    graph = task.graph if device is None else task.graph.to(device)
    projector = Projector(seeds.projection, config.projection, config.sparsity)
    propagation = Propagation(graph, layout, projector, sink)
    needed = layout.required()[0] if config.skip_unused else graph.node_types
    types = sorted({*needed, target})
    inputs = input_matrices(graph, layout, seeds, types, task.trained_nodes)
    extra = len(layout.feature_groups)
    if config.target_dim is not None:
        raw = inputs[target]
        for start, rows in dense_blocks(raw):
            sink.write(extra, 0, start, rows)
        R = projector(-1, f"input of {target}", raw.shape[1], config.target_dim).to(raw.device)
        out = torch.empty(raw.shape[0], config.target_dim, device=raw.device)
        inputs[target] = normalize_rows_(product_into(raw, R, out))
        extra += 1
    propagation.run(inputs)
    if layout.label_groups:
        classes = layout.num_classes
        table = label_input(task.labels, task.index("train"), classes).to(graph.device)
        groups, operators = layout.label_groups, propagation.operators
        collect_labels(table, groups, operators, sink, extra, config.label_echo)


def _check_label_weights(graph: HeteroGraph, layout: Layout) -> None:
    """Checks that labels stay fractions of classes: no weight on their way is negative."""
    cure = "or set model.edge_weights=false, or model.labels=false"
    for pair in dict.fromkeys(group.pair for group in layout.label_groups):
        for key in dict.fromkeys((pair.forward, pair.backward or pair.forward)):
            edges = graph.relations[key]
            check_sign(edges.weight, *edges.coo(), str(key), cure)


def cache_key(task: Task, layout: Layout, seeds: Seeds, nodes: Tensor) -> str:
    """Returns a name that changes with everything the prepared tensors depend on."""
    config = asdict(layout.config)
    texts = [
        "1",
        task.graph.content_hash,
        layout.target,
        str(seeds.projection),
        *(f"{name}={config[name]}" for name in _PREPARATION),
    ]
    digest = sha256("\x1f".join(texts).encode())
    digest.update(nodes.numpy().tobytes())
    if layout.label_groups:
        train = task.index("train")
        digest.update(train.numpy().tobytes())
        digest.update(task.labels[train].numpy().tobytes())
    return digest.hexdigest()[:32]
