"""What families of tasks about the edges of one relation share."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from hetgraph.catalog import Dataset, EdgeLabels, EdgeValues, Split
from hetgraph.errors import ConfigError, DataError, LeakageError, suggest
from hetgraph.seeds import Seeds
from hetgraph.settings import config_to_dict
from hetgraph.tasks.audit import AuditReport, check_disjoint, check_edge_columns
from hetgraph.tasks.base import SplitName, Task, TaskOptions
from hetgraph.tasks.heads import Head
from hetgraph.tasks.link_audit import audit_pairs
from hetgraph.tasks.pair_heads import EdgeHead
from hetgraph.tasks.pairs import pair_rows, without_pairs
from hetgraph.tasks.predictions import Predictions
from hetgraph.tasks.spec import TaskSpec
from hetgraph.tasks.splits import given_splits, hold_out

__all__ = ["EdgeOptions", "EdgeTask"]


@dataclass(frozen=True)
class EdgeOptions(TaskOptions):
    """Protocol of a task about labelled edges.

    Args:
        split: Name of one of the data set's splits, whose ids are positions of the labelled edges;
            empty takes the first, or draws one where there is none. ``"random"`` draws one,
            ``"time"`` tests the latest edges and validates on those before them.
        train_fraction: Fraction of the edges that a drawn split trains and validates on.
        valid_fraction: Fraction of the training edges held out for validation where the split has
            no validation edges.
        hide: Whether the edges of validation and test are taken out of the graph, with every other
            edge of the same pair. With ``false`` methods see that they exist, but not their labels.

    Raises:
        ConfigError: If a value is out of its range.
    """

    split: str = ""
    train_fraction: float = 0.8
    valid_fraction: float = 0.125
    hide: bool = True

    def __post_init__(self) -> None:
        for name in ("train_fraction", "valid_fraction"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ConfigError(f"task.{name} is {value}, expected a value between 0 and 1.")


class EdgeTask(Task):
    """Predict something of each of some edges of one relation.

    Args:
        dataset: Graph and labelled edges.
        target: The labelled edges.
        seeds: ``seeds.split`` draws the splits that the data set does not give.
        options: The protocol.
        num_outputs: Outputs per edge.

    Raises:
        ConfigError: If the data set has no split of that name, or no times to split by.
        DataError: If a split is empty.
    """

    Head: ClassVar[type[Head[Any, Any]]] = EdgeHead
    _hidden: ClassVar[float] = -1.0
    """What stands for a label that may not be read."""

    def __init__(
        self,
        dataset: Dataset,
        target: EdgeLabels | EdgeValues,
        seeds: Seeds,
        options: EdgeOptions,
        num_outputs: int,
    ) -> None:
        self.options = options
        self.edges = target.edges
        self._split_name, split = self._choose(dataset, target, seeds)
        assert split.valid is not None  # completed above
        self._splits = {"train": split.train, "valid": split.valid, "test": split.test}
        for name, ids in self._splits.items():
            if not ids.numel():
                raise DataError(f"{dataset.name}: the {name} split holds no labelled edge.")
        key, graph = target.edge_type, dataset.graph
        if options.hide:
            graph = without_pairs(graph, key, self._held(("valid", "test")))
        spec = TaskSpec(
            self.name, key.src, num_outputs, num_nodes=dict(graph.num_nodes), edge_types=(key,)
        )
        super().__init__(graph, spec, dataset.name, dataset.hypergraphs)
        self._whole = dataset.graph
        self._labels = self._readable(target)
        self._test_labels = self._labels[split.test]
        self._labels[split.test] = self._hidden

    def _readable(self, target: EdgeLabels | EdgeValues) -> Tensor:
        """Returns the labels of all edges as methods learn them, in memory of their own."""
        return target.target.clone()

    def _choose(
        self, dataset: Dataset, target: EdgeLabels | EdgeValues, seeds: Seeds
    ) -> tuple[str, Split]:
        given, wanted = given_splits(dataset, target), self.options.split
        names = tuple(given)
        ids = torch.arange(target.edges.shape[1])
        if wanted == "time":
            return wanted, self._by_time(dataset, target)
        if wanted == "random" or not (names or wanted):
            fraction, generator = 1 - self.options.train_fraction, seeds.generator("split", "edges")
            rest, test = hold_out(ids, fraction, generator, self._strata(target, ids))
            split = Split(rest, None, test)
        else:
            name = wanted or names[0]
            if name not in names:
                hint = suggest(name, (*names, "random", "time"))
                raise ConfigError(f"{dataset.name} has no split {name!r}.{hint}")
            split = given[name]
        if split.valid is None:
            generator = seeds.generator("split", "validation")
            strata = self._strata(target, split.train)
            fraction = self.options.valid_fraction
            train, valid = hold_out(split.train, fraction, generator, strata)
            split = Split(train, valid, split.test)
        return wanted or (names[0] if names else "random"), split

    def _strata(self, target: EdgeLabels | EdgeValues, ids: Tensor) -> Tensor | None:
        """Returns the classes whose fractions a drawn split keeps, if there are any."""
        return None

    def _by_time(self, dataset: Dataset, target: EdgeLabels | EdgeValues) -> Split:
        if target.time is None:
            raise ConfigError(
                f"{dataset.name}: the labelled edges have no times, so they cannot be split by "
                "time; give task.split=random."
            )
        time, ordered = target.time, target.time.sort().values
        last = max(ordered.numel() - 1, 0)
        rest = round(ordered.numel() * self.options.train_fraction)
        train = round(rest * (1 - self.options.valid_fraction))
        # Edges of the same moment stay together, in the later split.
        is_train, is_test = time < ordered[min(train, last)], time >= ordered[min(rest, last)]
        parts = (is_train, ~is_train & ~is_test, is_test)
        return Split(*(part.nonzero().squeeze(1) for part in parts))

    @property
    def labels(self) -> Tensor:
        """``[num_edges]`` labels of :attr:`edges`; those of test edges are hidden."""
        return self._labels

    def index(self, split: SplitName) -> Tensor:
        """Returns positions of the edges of a split; predictions are given in this order."""
        self._check_split(split)
        return self._splits[split]

    def to_tensor(self, predictions: Predictions, split: SplitName) -> Tensor:
        """Returns the ``[num_edges of the split, num_outputs]`` outputs."""
        return pair_rows(predictions, self.spec).of(self.edges[:, self._splits[split]])

    def _target(self, split: SplitName) -> Tensor:
        """Labels of the edges of a split, test edges included: to score only."""
        self._check_split(split)
        return self._test_labels if split == "test" else self._labels[self._splits[split]]

    def audit(self) -> AuditReport:
        """Checks that splits share no edge, no test label is readable, hidden edges are hidden.

        Edges that are not hidden must not carry their label.
        """
        checks: tuple[str, ...] = (check_disjoint(self._splits, "labelled edge"),)
        if not bool(_is_hidden(self._labels[self._splits["test"]]).all()):
            raise LeakageError("labels of test edges are readable; hide them.")
        if self.options.hide:
            held = self._held(("valid", "test") if self._test_open else ("valid",))
            checks += audit_pairs(self.graph, self.spec.edge_types[0], held)
        else:
            known = torch.cat([self._splits["train"], self._splits["valid"]])
            edges, labels = self.edges[:, known], self._labels[known]
            checks += (check_edge_columns(self.graph, self.spec.edge_types[0], edges, labels),)
        return AuditReport((*checks, "no label of a test edge is readable"))

    def _held(self, splits: tuple[SplitName, ...]) -> Tensor:
        """``[2, n]`` ends of the edges of splits, without pairs that are edges of training, too."""
        ids = torch.cat([self._splits[split] for split in splits])
        pairs = self.edges[:, ids]
        train = self.edges[:, self._splits["train"]]
        most = int(self.edges[1].max()) + 1 if self.edges.numel() else 1
        known = torch.isin(pairs[0] * most + pairs[1], train[0] * most + train[1])
        return pairs[:, ~known]

    @property
    def protocol(self) -> dict[str, Any]:
        """Split, relation, sizes of the splits and the options."""
        sizes = {name: ids.numel() for name, ids in self._splits.items()}
        relation = str(self.spec.edge_type)
        split = {"split": self._split_name, "relation": relation, "sizes": sizes}
        return {**config_to_dict(self.options), **split}

    def refit_view(self) -> Self:
        """Returns a view that trains on training and validation edges, which are in the graph."""
        view = copy.copy(self)
        train, valid = self._splits["train"], self._splits["valid"]
        both = torch.cat([train, valid]).sort().values
        view._splits = {**self._splits, "train": both, "valid": valid[:0]}
        if self.options.hide:
            view.graph = without_pairs(self._whole, self.spec.edge_types[0], view._held(("test",)))
        return view


def _is_hidden(labels: Tensor) -> Tensor:
    return labels.isnan() if labels.is_floating_point() else labels < 0
