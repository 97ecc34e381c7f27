"""Enumeration of the meta-paths of a schema up to a length."""

from __future__ import annotations

from collections import deque

from hetgraph.data.schema import Schema
from hetgraph.errors import MetaPathError
from hetgraph.metapaths.step import Step, normal_step

__all__ = ["enumerate_steps", "schema_distances"]


def enumerate_steps(
    schema: Schema, source: str, max_length: int, target: str | None = None
) -> tuple[tuple[Step, ...], ...]:
    """Lists the steps of the paths from ``source``; see :meth:`MetaPath.enumerate`.

    Breadth-first. With a target, branches that cannot reach it within the length are pruned, so
    the work is proportional to the number of paths returned.
    """
    schema.node_type(source)
    if max_length < 1:
        raise MetaPathError(f"max_length is {max_length}, expected 1 or more.")
    distance = None if target is None else schema_distances(schema, schema.node_type(target))
    steps_from = {name: _steps_from(name, schema) for name in schema.node_types}
    paths: list[tuple[Step, ...]] = []
    frontier: list[tuple[Step, ...]] = [()]
    for length in range(1, max_length + 1):
        frontier = [
            (*steps, step)
            for steps in frontier
            for step in steps_from[steps[-1].end if steps else source]
            if distance is None or distance.get(step.end, max_length) <= max_length - length
        ]
        paths += [steps for steps in frontier if target in (None, steps[-1].end)]
    return tuple(paths)


def _steps_from(start: str, schema: Schema) -> tuple[Step, ...]:
    both = (Step(key, forward) for key in schema.incident(start) for forward in (True, False))
    return tuple(dict.fromkeys(normal_step(step, schema) for step in both if step.start == start))


def schema_distances(schema: Schema, target: str) -> dict[str, int]:
    """Returns the minimum number of steps from each node type that reaches ``target``."""
    distance, frontier = {target: 0}, deque([target])
    while frontier:
        name = frontier.popleft()
        for edge_type in schema.incident(name):
            neighbour = edge_type.src if edge_type.dst == name else edge_type.dst
            if neighbour not in distance:
                distance[neighbour] = distance[name] + 1
                frontier.append(neighbour)
    return distance
