"""Which node types have a stand-in for features, told in one line."""

from __future__ import annotations

from hetgraph.data.graph import HeteroGraph
from hetgraph.features.standins import COMPUTED
from hetgraph.methods.registered import Registered

__all__ = ["standin_note"]


def standin_note(model: type[Registered], graph: HeteroGraph, *, asked: bool = False) -> str:
    """Returns one line about the stand-ins of a graph; empty where there is nothing to say.

    Args:
        model: The method; it tells what it has for a type that is left without features.
        graph: The graph.
        asked: Whether the user asked for stand-ins, so that their absence is told, too.

    Example:
        >>> from hetgraph import load_dataset
        >>> from hetgraph.registry import models
        >>> options = {"num_nodes": 200, "standins": "random:16"}
        >>> graph = load_dataset("synthetic/academic", **options).graph
        >>> standin_note(models.get("rgcn"), graph)
        "'venue' has no features: random (dim 16)"
    """
    standins = {k: standin for k, standin in graph.standins.items() if standin.kind != COMPUTED}
    if not standins:
        return "all node types have features, so there are no stand-ins." if asked else ""
    if model.uses is not None and "features" not in model.uses:
        return f"{model.name} reads no features, so it reads no stand-ins either."
    types: dict[str, list[str]] = {}
    for node_type, standin in standins.items():
        detail = f"dim {standin.dim}" if standin.dim else model.without_features
        types.setdefault(f"{standin.kind} ({detail})", []).append(repr(node_type))
    parts = [
        f"{_listed(names)} {'have' if len(names) > 1 else 'has'} no features: {what}"
        for what, names in types.items()
    ]
    return "; ".join(parts)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
