"""All meta-paths of a schema up to a length."""

from __future__ import annotations

from collections import deque

from hetgraph.data.schema import Schema
from hetgraph.errors import MetaPathError
from hetgraph.metapaths.metapath import MetaPath, Step, normal_step

__all__ = ["enumerate_metapaths", "schema_distances"]


def enumerate_metapaths(
    schema: Schema, source: str, max_length: int, target: str | None = None
) -> tuple[MetaPath, ...]:
    """Lists the paths from ``source``, see :meth:`MetaPath.enumerate`.

    Breadth first; with a target, a branch that is too far from it to arrive in time is cut, so
    the work is proportional to what is returned.
    """
    schema.node_type(source)
    if max_length < 1:
        raise MetaPathError(f"max_length is {max_length}, expected 1 or more.")
    distance = None if target is None else schema_distances(schema, schema.node_type(target))
    leaving = {name: _steps_from(name, schema) for name in schema.node_types}
    found: list[MetaPath] = []
    frontier: list[tuple[Step, ...]] = [()]
    for length in range(1, max_length + 1):
        frontier = [
            (*steps, step)
            for steps in frontier
            for step in leaving[steps[-1].end if steps else source]
            if distance is None or distance.get(step.end, max_length) <= max_length - length
        ]
        found += [MetaPath(steps, schema) for steps in frontier if target in (None, steps[-1].end)]
    return tuple(found)


def _steps_from(start: str, schema: Schema) -> tuple[Step, ...]:
    both = (Step(one, way) for one in schema.incident(start) for way in (True, False))
    return tuple(dict.fromkeys(normal_step(step, schema) for step in both if step.start == start))


def schema_distances(schema: Schema, target: str) -> dict[str, int]:
    """Returns the fewest steps from each node type to ``target``; types that cannot are absent."""
    distance, frontier = {target: 0}, deque([target])
    while frontier:
        name = frontier.popleft()
        for one in schema.incident(name):
            other = one.src if one.dst == name else one.dst
            if other not in distance:
                distance[other] = distance[name] + 1
                frontier.append(other)
    return distance
