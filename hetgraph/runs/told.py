"""What a run tells before it trains: task, classes, splits, device, what is not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from hetgraph.catalog.dataset import Dataset
from hetgraph.methods import EncoderMethod, Method
from hetgraph.runs.plan import Plan
from hetgraph.runs.standin_note import standin_note
from hetgraph.runs.unread import unread_note
from hetgraph.tasks import Task, task_class

__all__ = ["run_title", "told_rows"]

_MOST = 6
"""Classes that a line lists at most."""


def run_title(plan: Plan) -> str:
    """Returns which run it is."""
    return f"{plan.model.name} on {plan.dataset}, seed {plan.seed}"


def told_rows(
    plan: Plan,
    data: Dataset,
    task: Task,
    method: Method,
    device: torch.device,
    notes: Sequence[str] = (),
) -> Iterator[tuple[str, str]]:
    """Yields label and text of what is worth knowing before the first epoch.

    Args:
        plan: The run.
        data: The data set.
        task: Its task.
        method: The method, built.
        device: Where it is trained.
        notes: Further notes, such as those of the audit.
    """
    yield "task", f"{task.name} of {_asked(task)}"
    if classes := _classes(data, task):
        yield "classes", classes
    sizes = {name: ids.shape[-1] for name, ids in task.open_splits().items()}
    listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
    split = str(task.protocol.get("split") or "")
    yield "split", f"{listed}{f' ({split})' if split else ''}"
    if view := _view(plan, method):
        yield "view", view
    yield "device", _device(device)
    for note in (*data.info.get("notes", ()), *plan.notes):
        yield "note", note
    encoded = bool(plan.data.get("text"))
    asked = plan.data.get("standins") not in (None, "auto")
    if note := standin_note(plan.model, data.graph, asked=asked):
        yield "note", note
    if note := unread_note(plan.model, plan.config, data, family=plan.family, encoded_text=encoded):
        yield "note", note
    yield from (("note", note) for note in notes)


def _view(plan: Plan, method: Method) -> str:
    """Returns how much of the graph a step of the method reads; empty if it does not say."""
    if not isinstance(method, EncoderMethod):
        return ""
    if method.encoder.row_wise:
        return f"row by row, {plan.train.batch_size:,} samples per batch"
    return "whole graph"


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"{device}, {threads} thread{'s' if threads > 1 else ''}"


def _asked(task: Task) -> str:
    """Returns what is asked about: a node type, or relations."""
    keys = task.spec.edge_types
    if len(keys) > _MOST:
        return f"{len(keys)} relations"
    return ", ".join(f"({key})" for key in keys) or f"{task.spec.target!r}"


def _classes(data: Dataset, task: Task) -> str:
    """Returns the classes of the target and how often each is labelled, if it has classes."""
    reads = task_class(task.spec.kind).reads
    target = next((target for target in data.targets.values() if target.kind == reads), None)
    counts = {} if target is None else target.statistics()
    if "class_counts" not in counts:
        return ""
    names = list(getattr(target, "class_names", ())) or list(range(len(counts["class_counts"])))
    listed = [f"{name} ({n:,})" for name, n in zip(names, counts["class_counts"], strict=True)]
    more = f" and {len(listed) - _MOST} more" if len(listed) > _MOST else ""
    between = "; " if any("," in str(name) for name in names) else ", "
    return f"{len(listed)}; {between.join(listed[:_MOST])}{more}"
