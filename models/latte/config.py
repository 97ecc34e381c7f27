"""Settings of LATTE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from hetgraph.errors import ConfigError, suggest
from hetgraph.models.latte.relations import Context, Scope
from hetgraph.settings import config_from_dict, later

__all__ = ["Attention", "LATTEConfig", "Pooling", "Weighting"]

Attention = Literal["tail", "linear", "leaky_relu", "uniform"]
Weighting = Literal["pattern", "walks"]
Pooling = Literal["concat", "mean", "max", "last"]
Carry = Literal["value", "attention"]
Mask = Literal["none", "empty", "node"]
ChoiceInput = Literal["input", "projection"]
Init = Literal["uniform", "normal"]

_PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class LATTEConfig:
    """All settings; the files in ``presets`` hold those of the two official implementations.

    The first block is the representation, the second the composed edges, the third the loss and
    the protocol.

    Args:
        num_orders: T: meta relations of 1, 2, ..., T steps are attended over.
        hidden_dim: F: dimension of a representation, of each order.
        num_heads: Heads of the neighbour attention; they split ``hidden_dim``.
        shared_input: Project the features once, for all orders, instead of in every order anew.
        context: What an order reads of the tails: ``"input"``, or what the ``"previous"`` order
            made of them.
        attention: Score of an edge: of the ``"tail"`` alone; of head and tail, ``"linear"`` (the
            same attention, since the head cancels, but the head counts in the proximity loss) or
            with ``"leaky_relu"``; or ``"uniform"``, the mean over the neighbours.
        sharpen: Multiply scores by a learned number of each meta relation.
        score_bias: Give the scores of head and tail a bias, which cancels if they are linear.
        choose: Weigh the meta relations of a node by softmax; else all the same.
        choice_input: What the choice reads from order 2 on: the ``"input"`` of the order or its
            ``"projection"``; order 1 always reads its input.
        mask: Leave no weight to meta relations that have no edge at all (``"empty"``), or none at
            the node (``"node"``).
        pooling: How the orders become one representation.
        dropout: Fraction of values dropped from the projected features and from every order.
        attention_dropout: Fraction of attention weights dropped.
        head_dropout: Fraction of values dropped in front of the classifier.
        init: ``"uniform"`` Xavier, or ``"normal"`` Xavier with gains for the activations.

        weighting: Composed neighbours count once each (``"pattern"``), or as often as there are
            ``"walks"`` to them, a walk through a hub less. Walks are never composed: an order
            costs what the given relations have edges.
        factorize: Leave a pattern that equals its walks uncomposed, too. Exact.
        sample_edges: In training, draw as many composed edges as the smaller of the two joined
            relations has, in proportion to their value, anew in every step.
        edge_weights: Multiply attention by edge weights before it is normalised, if there are
            weights: a composed edge has the product of those along a walk, with ``"pattern"`` the
            mean of it over the walks. They must be 0 or more; edges of weight 0 are left out.
        carry: Value of a composed edge that longer ones build on: the ``"value"`` itself, or the
            ``"attention"`` it got in the order before.
        edge_threshold: With ``carry="attention"``: edges of less attention are not lengthened.

        proximity: Weight of the proximity loss, which scores edges above negative pairs.
        proximity_value: What weighs an edge in it: its composed ``"value"`` or its
            ``"attention"``.
        negative_ratio: Other pairs for each edge.
        scope: Compute what reaches the ``"target"``, or ``"all"`` types at every order; the
            proximity loss is over what is computed.
        inductive: Hide validation and test nodes, with their edges, in training, and test nodes in
            validation.

    Raises:
        ConfigError: If a value is out of its range or two contradict each other.
    """

    num_orders: int = 2
    hidden_dim: int = 128
    num_heads: int = 2
    shared_input: bool = True
    context: Context = "input"
    attention: Attention = "tail"
    sharpen: bool = True
    score_bias: bool = False
    choose: bool = True
    choice_input: ChoiceInput = "input"
    mask: Mask = "node"
    pooling: Pooling = "concat"
    dropout: float = 0.2
    attention_dropout: float = 0.2
    head_dropout: float = 0.4
    init: Init = "uniform"

    weighting: Weighting = "walks"
    factorize: bool = True
    sample_edges: bool = False
    edge_weights: bool = later(True)
    carry: Carry = "value"
    edge_threshold: float = 0.5

    proximity: float = 0.0
    proximity_value: Carry = "value"
    negative_ratio: float = 2.0
    scope: Scope = "target"
    inductive: bool = False

    def __post_init__(self) -> None:
        self._check_choices()
        for name in ("num_orders", "hidden_dim", "num_heads"):
            self._check(name, getattr(self, name) >= 1, "1 or more")
        for name in ("dropout", "attention_dropout", "head_dropout"):
            self._check(name, 0 <= getattr(self, name) < 1, "0 or more, below 1")
        for name in ("edge_threshold", "proximity"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("negative_ratio", self.negative_ratio > 0, "a positive number")
        self._check(
            "hidden_dim", self.hidden_dim % self.num_heads == 0, f"a multiple of {self.num_heads}"
        )
        if self.proximity and not self.scores_heads:
            raise ConfigError(
                f"model.attention={self.attention!r} does not score the head of an edge, which "
                "model.proximity needs; use 'linear' or 'leaky_relu'."
            )
        if self.weighting == "walks":
            self._check_walks()

    @classmethod
    def from_preset(cls, name: str, **changes: Any) -> LATTEConfig:
        """Returns the settings of a file in ``presets``, with some of them changed.

        Args:
            name: ``"paper"`` or ``"2021"``.
            **changes: Settings by name.

        Raises:
            ConfigError: If there is no such file, or a setting is wrong.
        """
        files = {path.stem: path for path in _PRESETS.glob("*.yaml")}
        if name not in files:
            raise ConfigError(f"LATTE has no preset {name!r}.{suggest(name, files)}")
        given = yaml.safe_load(files[name].read_text(encoding="utf-8"))["model"]
        return config_from_dict(cls, {**given, **changes}, "model")

    @property
    def scores_heads(self) -> bool:
        """Whether the score of an edge depends on its head."""
        return self.attention in ("linear", "leaky_relu")

    @property
    def negative_slope(self) -> float:
        """Slope of the leaky ReLU on the scores; 1 leaves them as they are."""
        return 0.2 if self.attention == "leaky_relu" else 1.0

    @property
    def may_factorize(self) -> bool:
        """Whether composed edges are needed for their weighted sum alone, and that is separable."""
        separable = self.attention != "leaky_relu" and not self.needs_values
        return self.factorize and separable

    @property
    def needs_values(self) -> bool:
        """Whether single composed edges are drawn or scored."""
        return self.sample_edges or self.proximity > 0

    @property
    def needs_weights(self) -> bool:
        """Whether the attention of single edges is read after its sum was taken."""
        prox = self.proximity > 0 and self.proximity_value == "attention"
        return prox or self.carry == "attention"

    def _check_walks(self) -> None:
        clashes = {
            "attention='leaky_relu'": self.attention == "leaky_relu",
            "sample_edges=true": self.sample_edges,
            "carry='attention'": self.carry == "attention",
            "proximity": self.proximity > 0,
        }
        for name, clash in clashes.items():
            if clash:
                raise ConfigError(
                    f"model.weighting='walks' composes no edges, which model.{name} needs; "
                    "set model.weighting=pattern."
                )

    def _check_choices(self) -> None:
        choices = {
            "attention": Attention,
            "weighting": Weighting,
            "pooling": Pooling,
            "carry": Carry,
            "proximity_value": Carry,
            "mask": Mask,
            "choice_input": ChoiceInput,
            "context": Context,
            "scope": Scope,
            "init": Init,
        }
        for name, options in choices.items():
            value, known = getattr(self, name), get_args(options)
            if value not in known:
                raise ConfigError(f"model.{name} is {value!r}.{suggest(str(value), known)}")

    def _check(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise ConfigError(f"model.{name} is {getattr(self, name)}, expected {expected}.")
