"""What a run tells before it trains: its task, its splits, what is not read."""

from __future__ import annotations

from collections.abc import Iterator

from hetgraph.catalog.dataset import Dataset
from hetgraph.runs.plan import Plan
from hetgraph.runs.standin_note import standin_note
from hetgraph.runs.unread import unread_note
from hetgraph.tasks import Task, task_class

__all__ = ["told_lines"]

_MOST = 6
"""Classes that a line lists at most."""


def told_lines(plan: Plan, data: Dataset, task: Task) -> Iterator[str]:
    """Yields one line each about the task, its splits, what was left out and what is not read.

    Args:
        plan: The run.
        data: The data set.
        task: Its task.
    """
    yield f"task: {task.name} of {_asked(task)}{_classes(data, task)}"
    sizes = {name: ids.shape[-1] for name, ids in task.open_splits().items()}
    listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
    split = str(task.protocol.get("split") or "")
    yield f"split: {listed}{f' ({split})' if split else ''}"
    for note in data.info.get("notes", ()):
        yield f"note: {note}"
    encoded = bool(plan.data.get("text"))
    asked = plan.data.get("standins") is not None
    if note := standin_note(plan.model, data.graph, asked=asked):
        yield f"note: {note}"
    if note := unread_note(plan.model, plan.config, data, family=plan.family, encoded_text=encoded):
        yield f"note: {note}"


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
    listed = [f"{name} {n:,}" for name, n in zip(names, counts["class_counts"], strict=True)]
    more = f" and {len(listed) - _MOST} more" if len(listed) > _MOST else ""
    return f"; {len(listed)} classes: {', '.join(listed[:_MOST])}{more}"
