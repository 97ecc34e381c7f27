"""What edges carry - weights, features, times - as attention reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from hetgraph.data.csr import CSR
from hetgraph.data.entries import is_weighted
from hetgraph.data.graph import HeteroGraph
from hetgraph.data.relation import Relation
from hetgraph.data.schema import EdgeSpec, EdgeType, Schema
from hetgraph.errors import ConfigError, DataError

__all__ = [
    "EdgeInputs",
    "EdgeReader",
    "EdgeSettings",
    "age_columns",
    "check_time_unit",
    "edges_read",
]

WAVES = 4
"""Sines and cosines of the age, of periods of 2, 1, 1/2, ... time units."""
AGE_DIM = 1 + 2 * WAVES


class EdgeSettings(Protocol):
    """What of the edges a model is to read; settings of this name are part of its config."""

    @property
    def edge_weights(self) -> bool:
        """Whether weights multiply the attention."""

    @property
    def edge_features(self) -> bool:
        """Whether features of edges are read."""

    @property
    def edge_times(self) -> bool:
        """Whether ages of edges are read."""

    @property
    def time_unit(self) -> float | None:
        """The age that counts as one; ``None``: that of the oldest edge in training."""


@dataclass(frozen=True, eq=False)
class EdgeInputs:
    """What the edges of one relation carry.

    Args:
        relation: ``[num_dst, num_src]`` pattern, without edges of weight 0.
        log_weight: ``[num_edges]`` what is added to the scores; ``None`` adds nothing.
        values: ``[num_edges, dim]`` features, then :func:`age_columns`; ``None`` without either.
        entries: ``[num_dst, num_edges]``: row i has an entry for each edge into i, so that its
            product with values of edges sums them by destination.

    Example:
        >>> rated = CSR.from_coo(torch.tensor([0, 0]), torch.tensor([0, 1]), (1, 2))
        >>> edges = EdgeInputs.of(rated, None, torch.tensor([[1.0], [2.0]]))
        >>> (edges.entries.to_dense() @ edges.values).tolist()
        [[3.0]]
    """

    relation: CSR
    log_weight: Tensor | None
    values: Tensor | None
    entries: CSR

    @classmethod
    def of(cls, relation: CSR, log_weight: Tensor | None, values: Tensor | None) -> Self:
        """Returns the inputs of a relation; its own weights do not count."""
        plain = CSR(relation.indptr, relation.indices, relation.num_cols)
        order = torch.arange(plain.nnz, dtype=plain.indptr.dtype, device=plain.device)
        return cls(plain, log_weight, values, CSR(plain.indptr, order, plain.nnz))

    def to(self, device: torch.device | str) -> Self:
        """Returns the inputs on ``device``."""
        weight, values = self.log_weight, self.values
        return type(self)(
            self.relation.to(device),
            None if weight is None else weight.to(device),
            None if values is None else values.to(device),
            self.entries.to(device),
        )


def age_columns(age: Tensor, unit: float) -> Tensor:
    """Returns the age of edges as numbers of one size: the age itself, and waves of it.

    With ``a = age / unit`` the columns are ``a``, then ``sin(2^k pi a)`` and ``cos(2^k pi a)`` for
    ``k = 0..3``: fixed frequencies as in relative temporal encoding (Hu et al., Heterogeneous Graph
    Transformer, WWW 2020), beside a linear term as in Time2Vec (Kazemi et al.,
    arXiv:1907.05321). Models learn linear maps of them.

    Args:
        age: ``[num_edges]`` how long before the reference time an edge is, float64.
        unit: The age that counts as one.

    Returns:
        ``[num_edges, 9]`` float32.

    Example:
        >>> age_columns(torch.tensor([0.0, 30.0], dtype=torch.float64), 60.0)[:, :2]
        tensor([[0.0000, 0.0000],
                [0.5000, 1.0000]])
    """
    a = (age / unit).float().unsqueeze(1)
    waves = a * (math.pi * 2.0 ** torch.arange(WAVES, device=age.device))
    return torch.cat([a, waves.sin(), waves.cos()], dim=1)


def edges_read(settings: EdgeSettings) -> frozenset[str]:
    """Returns what of the edges is read with some settings, in the words of ``uses``.

    Args:
        settings: A configuration with the four fields of :class:`EdgeSettings`.

    Example:
        >>> from types import SimpleNamespace
        >>> off = {"edge_features": False, "edge_times": False, "time_unit": None}
        >>> sorted(edges_read(SimpleNamespace(edge_weights=True, **off)))
        ['edge_weight']
    """
    words = {
        "edge_weight": settings.edge_weights,
        "edge_feature": settings.edge_features,
        "edge_time": settings.edge_times,
    }
    return frozenset(word for word, read in words.items() if read)


def check_time_unit(unit: float | None) -> None:
    """Checks the setting ``time_unit``.

    Args:
        unit: The age that counts as one, in the unit of the edge times; ``None`` is always valid.

    Raises:
        ConfigError: If it is not a positive number.

    Example:
        >>> check_time_unit(86400.0)
    """
    if unit is not None and not (math.isfinite(unit) and unit > 0):
        raise ConfigError(
            f"model.time_unit is {unit}, expected a positive number in the unit of the edge times, "
            "such as 86400 for a day in seconds, or null."
        )


class EdgeReader(nn.Module):
    """Reads what the edges of a graph carry, in the units of the graph that it was fitted on.

    ``log_weight`` is ``log(w_e / mean w)``, so that equal weights change nothing, whatever their
    unit; edges of weight 0 are left out. Features are read as they are given. Ages are relative to
    the latest time of these relations. The mean weight of each relation and the unit of the ages
    are fitted on the first graph and kept with the parameters, so that another graph is read alike.

    It has no state where the schema has neither weights nor times.

    Args:
        schema: What the edges carry.
        edge_types: Relations to read.
        settings: What of it is read.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Settings:
        ...     edge_weights: bool = True
        ...     edge_features: bool = True
        ...     edge_times: bool = True
        ...     time_unit: float | None = None
        >>> ids, weight = torch.tensor([0, 1]), torch.tensor([1.0, 3.0])
        >>> rates = Relation.from_edges(ids, ids, 2, 2, weight=weight, edge_time=10 * ids)
        >>> key = EdgeType("user", "rates", "film")
        >>> graph = HeteroGraph(num_nodes={"user": 2, "film": 2}, relations={key: rates})
        >>> reader = EdgeReader(graph.schema, graph.edge_types, Settings())
        >>> edges = reader.read(graph)[key]
        >>> edges.log_weight.exp().tolist(), edges.values[:, 0].tolist()  # over the mean; ages
        ([0.5, 1.5], [1.0, 0.0])
        >>> reader.dims_of([key])[key]
        9
    """

    mean_weight: Tensor
    unit: Tensor

    def __init__(
        self, schema: Schema, edge_types: Iterable[EdgeType], settings: EdgeSettings
    ) -> None:
        super().__init__()
        self.settings = settings
        self.specs = {key: schema.edge_types[key] for key in edge_types}
        self.dims = {key: dim for key, spec in self.specs.items() if (dim := self._dim(spec))}
        reads_weights, reads_times = settings.edge_weights, settings.edge_times
        self._weighted = [k for k, spec in self.specs.items() if spec.weighted and reads_weights]
        self._timed = [k for k, spec in self.specs.items() if spec.timed and reads_times]
        # Zeros stand for: not yet fitted.
        if self._weighted:
            zeros = torch.zeros(len(self._weighted), dtype=torch.float64)
            self.register_buffer("mean_weight", zeros)
        if self._timed:
            self.register_buffer("unit", torch.zeros((), dtype=torch.float64))

    def _dim(self, spec: EdgeSpec) -> int:
        features = spec.feature_dim if self.settings.edge_features else 0
        return features + AGE_DIM * (spec.timed and self.settings.edge_times)

    def dims_of(self, edge_types: Iterable[EdgeType]) -> dict[EdgeType, int]:
        """Returns the dimension of the inputs of edges, of those relations that have some."""
        return {key: self.dims[key] for key in edge_types if key in self.dims}

    def read(self, graph: HeteroGraph) -> dict[EdgeType, EdgeInputs]:
        """Returns the inputs of the relations that carry something, on the device of the graph.

        Raises:
            DataError: If weights are negative, times are not finite, or the relations carry
                something else than those the parameters were made for.
        """
        relations = {key: graph.relations[key] for key in self.specs}
        self._check(relations)
        if self.settings.edge_weights:
            relations = {key: _without_zeros(relation) for key, relation in relations.items()}
        weights = self._log_weights(relations)
        ages = self._ages(relations)
        read = {}
        for key, relation in relations.items():
            values = self._values(relation, ages.get(key)) if key in self.dims else None
            fewer = relation.nnz < graph.relations[key].nnz
            if fewer or weights.get(key) is not None or values is not None:
                read[key] = EdgeInputs.of(relation, weights.get(key), values)
        return read

    def _values(self, relation: Relation, age: Tensor | None) -> Tensor:
        """Features and ages side by side, ``[num_edges, dim]``; one of them is there."""
        columns = [] if age is None else [age_columns(age, float(self.unit))]
        if self.settings.edge_features and relation.edge_features is not None:
            columns = [relation.edge_features.float(), *columns]
        return columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)

    def _log_weights(self, relations: Mapping[EdgeType, Relation]) -> dict[EdgeType, Tensor | None]:
        """``log(w / mean)`` by relation; ``None`` where it is zero everywhere."""
        out: dict[EdgeType, Tensor | None] = {}
        for at, key in enumerate(self._weighted):
            weight = relations[key].weight
            if weight is None:  # as everywhere, none means ones
                weight = relations[key].indptr.new_ones(relations[key].nnz)
            weight = weight.double()
            if not self.mean_weight[at]:
                self.mean_weight[at] = _mean(weight)
            scaled = (weight / self.mean_weight[at].to(weight)).log().float()
            out[key] = scaled if bool(scaled.any()) else None
        return out

    def _ages(self, relations: Mapping[EdgeType, Relation]) -> dict[EdgeType, Tensor]:
        """Ages by relation, ``[num_edges]`` float64; fits their unit."""
        read = {key: relations[key].edge_time for key in self._timed}
        times = {key: time for key, time in read.items() if time is not None}
        latest = max((time.max().item() for time in times.values() if time.numel()), default=0)
        ages = {key: _age(time, latest) for key, time in times.items()}
        if ages and not self.unit:
            oldest = max((float(age.max()) for age in ages.values() if age.numel()), default=0.0)
            self.unit.fill_(self.settings.time_unit or oldest or 1.0)
        return ages

    def _check(self, relations: Mapping[EdgeType, Relation]) -> None:
        faults = []
        for key, relation in relations.items():
            spec, time = self.specs[key], relation.edge_time
            if self.settings.edge_features and relation.feature_dim != spec.feature_dim:
                faults.append(
                    f"({key}) has {relation.feature_dim} edge features, expected {spec.feature_dim}"
                )
            if self.settings.edge_times and (time is not None) != spec.timed:
                faults.append(f"({key}) has {'no' if time is None else 'unexpected'} edge times")
            elif self.settings.edge_times and time is not None and not bool(time.isfinite().all()):
                faults.append(f"({key}) has times that are NaN or infinite; remove these edges")
            if self.settings.edge_weights and relation.weight is not None:
                faults += _weight_faults(key, relation, relation.weight, spec.weighted)
        if faults:
            raise DataError(f"the edges cannot be read: {'; '.join(faults)}.")


def _without_zeros(relation: Relation) -> Relation:
    if relation.weight is None or bool((relation.weight != 0).all()):
        return relation
    return relation.select(relation.weight != 0)


def _mean(weight: Tensor) -> Tensor | float:
    """The mean weight; exact where all are equal, so that their logarithm is exactly 0."""
    if not weight.numel():
        return 1.0
    return weight[0] if bool((weight == weight[0]).all()) else weight.mean()


def _age(time: Tensor, latest: int | float) -> Tensor:
    """``latest - time`` in float64, without rounding the times before they are subtracted."""
    if time.is_floating_point() or isinstance(latest, float):
        return latest - time.double()
    return (latest - time.long()).double()  # a float has no room for nanoseconds since 1970


def _weight_faults(key: EdgeType, relation: Relation, weight: Tensor, expected: bool) -> list[str]:
    if not expected and is_weighted(weight):
        return [f"({key}) has edge weights, but the model was made for a graph without"]
    below = (weight < 0).nonzero()
    if not below.numel():
        return []
    first = int(below[0])
    src, dst = int(relation.indices[first]), int(relation.row_ids[first])
    return [
        f"({key}) has {below.numel()} negative weights, such as {float(weight[first]):g} from node "
        f"{src} to node {dst}, which cannot multiply attention; leave weights out with "
        "model.edge_weights=false, or make them edge features"
    ]
