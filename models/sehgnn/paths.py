"""Which meta-paths are read: what a schema holds, or what the user asked for."""

from __future__ import annotations

from dataclasses import dataclass

from hetgraph.data import Schema
from hetgraph.errors import MetaPathError, SchemaError
from hetgraph.metapaths import MetaPath
from hetgraph.metapaths.registry import resolve_metapaths
from hetgraph.metapaths.requests import requested_path
from hetgraph.methods import SELF, path_label
from hetgraph.models.sehgnn.config import SeHGNNConfig
from hetgraph.nn import metapath_labels
from hetgraph.tasks import Task

__all__ = ["Channels", "channels", "feature_paths", "label_paths"]


@dataclass(frozen=True)
class Channels:
    """What the network reads of a target node, known without the graph.

    Args:
        features: Label and source type of each feature path; the first is the target itself.
        labels: Label of each label path.
    """

    features: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the channels are called, features first."""
        return (*(name for name, _ in self.features), *(f"label: {name}" for name in self.labels))


def channels(schema: Schema, target: str, config: SeHGNNConfig, *, labels: bool) -> Channels:
    """Returns the channels of a configuration.

    Args:
        schema: What the graph is made of.
        target: Node type whose vectors are wanted.
        config: The settings.
        labels: Whether there are labels to read.

    Raises:
        SchemaError: If no relation touches the target.
        MetaPathError: If a meta-path is given twice.
    """
    if config.metapaths:
        requests = _requests(config)
        starts = [_start(schema, target, request) for request in config.metapaths]
        features = tuple(zip(metapath_labels(requests), starts, strict=True))
        round_trips = tuple(name for name, start in features if start == target)
    else:
        paths = enumerate_paths(schema, target, config)
        features = tuple((path_label(path, schema), path.start) for path in paths)
        trips = label_sequences(schema, target, config)
        round_trips = tuple(path_label(path, schema) for path in trips)
    return Channels(((SELF, target), *features), round_trips if config.labels and labels else ())


def feature_paths(task: Task, target: str, config: SeHGNNConfig) -> tuple[MetaPath, ...]:
    """Returns the paths that features are carried along, in the order of the channels.

    Raises:
        MetaPathError: If a requested path is unknown or does not lead to the target from where
            the channels say.
    """
    schema = task.graph.schema
    if not config.metapaths:
        return enumerate_paths(schema, target, config)
    requests = _requests(config)
    resolved = resolve_metapaths(task.graph, task.dataset_name, requests)
    if len(resolved) != len(requests):
        raise MetaPathError(
            f"{len(requests)} meta-paths are given but only {len(resolved)} of them differ; "
            "give each once."
        )
    for request, (name, path) in zip(requests, resolved.items(), strict=True):
        expected = _start(schema, target, request)
        if (path.start, path.end) != (expected, target):
            raise MetaPathError(
                f"the meta-path {name!r} leads from {path.start!r} to {path.end!r}; "
                f"this model needs it from {expected!r} to {target!r}."
            )
    return tuple(resolved.values())


def label_paths(task: Task, target: str, config: SeHGNNConfig) -> tuple[MetaPath, ...]:
    """Returns the paths that labels are carried along, in the order of the channels."""
    if not config.labels:
        return ()
    if config.metapaths:
        return tuple(path for path in feature_paths(task, target, config) if path.start == target)
    return label_sequences(task.graph.schema, target, config)


def enumerate_paths(schema: Schema, target: str, config: SeHGNNConfig) -> tuple[MetaPath, ...]:
    """Returns every path of at most ``num_hops`` steps that ends at the target, short ones first.

    Raises:
        SchemaError: If there is none.
    """
    skipped = {schema.node_type(name) for name in config.skip_types}
    leaving = MetaPath.enumerate(schema, target, config.num_hops)
    paths = tuple(~path for path in leaving if not skipped.intersection(path.node_types))
    if not paths:
        raise SchemaError(
            f"no relation of an allowed type touches {target!r}; SeHGNN needs one; "
            "add edges, or choose a model that needs none, such as mlp."
        )
    return paths


def label_sequences(schema: Schema, target: str, config: SeHGNNConfig) -> tuple[MetaPath, ...]:
    """Returns every path of at most ``label_hops`` steps from the target to itself."""
    skipped = {schema.node_type(name) for name in config.skip_types}
    round_trips = MetaPath.enumerate(schema, target, config.label_hops, target)
    return tuple(path for path in round_trips if not skipped.intersection(path.node_types))


def _requests(config: SeHGNNConfig) -> tuple[str, ...]:
    if len(set(config.metapaths)) < len(config.metapaths):
        raise MetaPathError("a meta-path is given twice; give each once.")
    return config.metapaths


def _start(schema: Schema, target: str, request: str) -> str:
    """Returns where a request begins; what is no text is a registered name, from the target."""
    path = requested_path(schema, request)
    return target if path is None else path.start
