"""From a task to prepared tensors: splits, cache, files, leakage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hetgraph.catalog import Dataset, Labels, Split
from hetgraph.data import HeteroGraph
from hetgraph.models.rphgnn import RpHGNN, RpHGNNConfig
from hetgraph.models.rphgnn import prepare as module
from hetgraph.models.rphgnn.groups import Layout
from hetgraph.models.rphgnn.prepare import cache_key, prepare
from hetgraph.seeds import Seeds
from hetgraph.tasks import Task, make_task

CONFIG = RpHGNNConfig(iterations=2, noise_dim=5, labels=True)


def wrap(graph: HeteroGraph, target: torch.Tensor | None = None) -> Task:
    classes = torch.arange(24) % 3 if target is None else target
    labels = Labels("paper", 3, torch.arange(24), classes)
    split = Split(torch.arange(10), torch.arange(10, 14), torch.arange(14, 24).flip(0))
    return make_task(Dataset("toy/p", graph, labels, {"fixed": split}))


def layout(task: Task, config: RpHGNNConfig = CONFIG) -> Layout:
    return Layout(task.graph.schema, "paper", 3, config)


@pytest.fixture
def task(random_graph) -> Task:
    return wrap(random_graph(1))


def test_rows_and_targets_follow_the_task(task):
    inputs = prepare(task, layout(task), Seeds())
    assert inputs.slabs.nodes.tolist() == list(range(24))
    assert inputs.nodes.tolist() == list(range(24))
    assert inputs.slabs.positions(task.index("test")).tolist() == list(range(23, 13, -1))
    known = RpHGNN.for_task(task, CONFIG).prepare(task, seeds=Seeds()).head
    assert known.rows["train"].tolist() == list(range(10))
    assert known.rows["test"].tolist() == list(range(23, 13, -1))
    assert torch.equal(known.labels[:14], torch.arange(14) % 3)
    assert bool((known.labels[14:] == -1).all())
    everyone = prepare(task, layout(task, replace(CONFIG, keep_rows="all")), Seeds())
    assert everyone.slabs.nodes.numel() == 27
    for actual, other in zip(inputs.slabs.tensors, everyone.slabs.tensors, strict=True):
        assert torch.equal(actual, other[:24])


def test_a_view_without_test_prepares_no_test_rows(task):
    view = task.without_test()
    inputs = prepare(view, layout(task), Seeds())
    known = RpHGNN.for_task(view, CONFIG).prepare(view, seeds=Seeds()).head
    assert set(known.rows) == {"train", "valid"}
    assert inputs.slabs.nodes.numel() == 14


def test_raw_target_features_form_a_group_of_their_own(task):
    config = replace(CONFIG, target_dim=4, labels=False)
    plan = layout(task, config)
    inputs = prepare(task, plan, Seeds())
    assert plan.shapes[-1] == (1, 9)
    raw = task.graph.features["paper"][:24].half()
    assert torch.equal(inputs.slabs.tensors[-1][:, 0], raw)
    # The projected version, of unit rows, is what propagates and what "use_input" collects.
    even = next(i for i, group in enumerate(plan.feature_groups) if group.hops == 2)
    own = inputs.slabs.tensors[even][:, 0].float()
    assert own.shape == (24, 4)
    torch.testing.assert_close(own.norm(dim=1), torch.ones(24), atol=2e-3, rtol=0)


@pytest.mark.parametrize("cache", ["mapped", "always", "never"])
def test_files_hold_the_same_as_memory_and_vanish_or_stay(task, tmp_path, cache):
    in_memory = prepare(task, layout(task), Seeds())
    config = replace(CONFIG, memory_map_gib=0.0, cache=cache)
    mapped = prepare(task, layout(task, config), Seeds(), tmp_path)
    for actual, other in zip(in_memory.slabs.tensors, mapped.slabs.tensors, strict=True):
        assert torch.equal(actual, other)
    assert bool(list(tmp_path.rglob("group000.npy")))
    del mapped, other
    assert bool(list(tmp_path.rglob("group000.npy"))) == (cache != "never")


def test_files_go_to_a_temporary_folder_without_a_working_one(task, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    config = replace(CONFIG, memory_map_gib=0.0)
    inputs = prepare(task, layout(task, config), Seeds())
    assert len(list(tmp_path.iterdir())) == 1
    del inputs
    assert not list(tmp_path.iterdir())


def test_cached_tensors_are_not_computed_again(task, tmp_path, monkeypatch):
    config = replace(CONFIG, cache="always")
    first = prepare(task, layout(task, config), Seeds(), tmp_path)

    def refuse(*args: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "fill", refuse)
    again = prepare(task, layout(task, config), Seeds(init=5), tmp_path)
    for actual, other in zip(first.slabs.tensors, again.slabs.tensors, strict=True):
        assert torch.equal(actual, other)
    network_only = replace(config, hidden_dim=7, dropout=0.1, skip_unused=False)
    prepare(task, layout(task, network_only), Seeds(), tmp_path)
    with pytest.raises(AssertionError, match="computed again"):
        prepare(task, layout(task, config), Seeds(projection=1), tmp_path)


def test_a_failed_computation_leaves_no_cache(task, tmp_path, monkeypatch):
    def fail(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "fill", fail)
    with pytest.raises(KeyboardInterrupt):
        prepare(task, layout(task, replace(CONFIG, cache="always")), Seeds(), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_cache_key_changes_with_what_the_tensors_depend_on(task, random_graph):
    nodes = torch.arange(24)
    plan = layout(task)
    keys = {cache_key(task, plan, Seeds(), nodes)}
    keys.add(cache_key(task, plan, Seeds(projection=1), nodes))
    keys.add(cache_key(task, plan, Seeds(), nodes[:20]))
    keys.add(cache_key(wrap(random_graph(2)), plan, Seeds(), nodes))
    keys.add(cache_key(wrap(task.graph, torch.arange(24) % 2), plan, Seeds(), nodes))
    for change in ({"iterations": 3}, {"squash": "project_norm_mean"}, {"storage": "float32"}):
        keys.add(cache_key(task, layout(task, replace(CONFIG, **change)), Seeds(), nodes))
    assert len(keys) == 8
    assert cache_key(task, plan, Seeds(init=3, sampling=4), nodes) in keys
    without = replace(CONFIG, labels=False)
    key = cache_key(task, layout(task, without), Seeds(), nodes)
    other = wrap(task.graph, torch.arange(24) % 2)
    assert cache_key(other, layout(other, without), Seeds(), nodes) == key


def test_labels_outside_training_reach_nothing(task):
    target = torch.arange(24) % 3
    target[10:] = (target[10:] + 1) % 3
    other = wrap(task.graph, target)
    before, after = (prepare(view, layout(task), Seeds()) for view in (task, other))
    for a, b in zip(before.slabs.tensors, after.slabs.tensors, strict=True):
        assert torch.equal(a, b)
    train = task.index("train")
    assert torch.equal(task.labels[train], other.labels[train])


def test_storage_in_half_precision_is_close_to_full(task):
    half = prepare(task, layout(task), Seeds())
    full = prepare(task, layout(task, replace(CONFIG, storage="float32")), Seeds())
    for actual, other in zip(half.slabs.tensors, full.slabs.tensors, strict=True):
        torch.testing.assert_close(actual.float(), other, atol=2e-3, rtol=2e-3)


def test_noise_and_projections_follow_the_projection_seed_only(task):
    first = prepare(task, layout(task), Seeds(projection=1)).slabs.tensors
    same = prepare(task, layout(task), Seeds(1, 2, 3, projection=1)).slabs.tensors
    other = prepare(task, layout(task), Seeds(projection=2)).slabs.tensors
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_workdir_is_made_when_needed(task, tmp_path):
    config = replace(CONFIG, memory_map_gib=0.0, cache="never")
    prepare(task, layout(task, config), Seeds(), Path(tmp_path) / "new")


@pytest.mark.gpu
def test_propagation_on_the_gpu_gives_the_same(task):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    on_cpu = prepare(task, layout(task), Seeds())
    on_gpu = prepare(task, layout(task), Seeds(), device=torch.device("cuda"))
    for actual, other in zip(on_cpu.slabs.tensors, on_gpu.slabs.tensors, strict=True):
        assert other.device.type == "cpu"
        torch.testing.assert_close(actual.float(), other.float(), atol=2e-3, rtol=2e-3)
