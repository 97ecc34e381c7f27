"""Settings of RpHGNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hetgraph.errors import ConfigError, suggest
from hetgraph.nn.losses import LossName

__all__ = ["EvenOdd", "Merge", "Projection", "RpHGNNConfig", "Squash", "Storage"]

EvenOdd = Literal["all", "even", "odd"]
Merge = Literal["concat", "mean"]
Projection = Literal["sparse", "gaussian", "gaussian_no_norm"]
Squash = Literal[
    "project_norm_sum",
    "project_norm_mean",
    "sum",
    "mean",
    "norm_sum",
    "norm_mean",
    "norm_mean_norm",
]
EchoRemoval = Literal["even", "all", "none"]
Storage = Literal["float16", "float32"]
KeepRows = Literal["split", "all"]
Cache = Literal["mapped", "always", "never"]


@dataclass(frozen=True)
class RpHGNNConfig:
    """All settings; the first block is propagation, the second training, the third execution.

    The settings of the third block change time and memory, never the result beyond rounding.

    Args:
        iterations: Propagate-then-update rounds K. With ``even_odd="odd"`` they are doubled, so
            that the range in hops stays the same.
        noise_dim: Dimension of the Gaussian noise that stands in for missing features.
        use_input: Also collect the target's own input, in front of every even group.
        even_odd: Which messages are squashed and collected.
        inner_hops: Messages of one round go 1, 2, ..., this many hops to and fro.
        squash: How the messages of a type become its next representation.
        projection: Distribution of the random matrices.
        sparsity: ``s`` of the sparse projection: entries are non-zero with probability 1/s.
        target_dim: Project the target's features to this dim first and feed the raw ones to
            the network as a group of their own.
        edge_weights: Whether means over neighbours are by edge weight, if there are weights.
        labels: Add label groups, built from training labels only.
        label_echo: In which label groups a node's own label is removed: those of two hops
            (the published recipe), also self-loops of one hop, or none.

        hidden_dim: Dimension of all hidden layers.
        num_filters: Filters over the iterations of a group.
        group_layers: Layers of each group's network.
        head_layers: Layers of the network behind the merge.
        merge: How the groups are merged.
        input_dropout: Dropout on the prepared tensors.
        dropout: Dropout behind every hidden layer.
        loss: ``"auto"`` takes cross-entropy, or BCE for several labels per node; ``"kl"`` is the
            cross-entropy with the un-normalised 0/1 label vector.
        consistency_views: Dropout views of the consistency recipe; 0 trains without it.
        consistency_weight: Weight of the pseudo-label term.
        keep_rows: Store rows of the nodes in the split only, or of all target nodes; the
            consistency recipe draws its batches from all stored rows.

        skip_unused: Compute only the updates that reach the target.
        narrow_projection: Project where a message has the fewest rows.
        sparse_first: Keep sparse features sparse in the first round.
        storage: Type of the stored tensors.
        memory_map_gib: Above this size the stored tensors live in files instead of memory.
        cache: Whether the working folder keeps the stored tensors for the next run: those that
            are mapped from files anyway, all, or none.

    Raises:
        ConfigError: If a value is out of range or misspelt.
    """

    iterations: int = 3
    noise_dim: int = 256
    use_input: bool = True
    even_odd: EvenOdd = "all"
    inner_hops: int = 2
    squash: Squash = "project_norm_sum"
    projection: Projection = "sparse"
    sparsity: float = 3.0
    target_dim: int | None = None
    edge_weights: bool = True
    labels: bool = False
    label_echo: EchoRemoval = "even"

    hidden_dim: int = 256
    num_filters: int = 2
    group_layers: int = 2
    head_layers: int = 2
    merge: Merge = "concat"
    input_dropout: float = 0.5
    dropout: float = 0.5
    loss: LossName = "auto"
    consistency_views: int = 0
    consistency_weight: float = 0.6
    keep_rows: KeepRows = "split"

    skip_unused: bool = True
    narrow_projection: bool = True
    sparse_first: bool = True
    storage: Storage = "float16"
    memory_map_gib: float = 8.0
    cache: Cache = "mapped"

    def __post_init__(self) -> None:
        self._check_choices()
        for name in ("iterations", "noise_dim", "hidden_dim", "num_filters"):
            self._at_least(name, 1)
        for name in ("inner_hops", "group_layers", "head_layers"):
            self._at_least(name, 1)
        for name in ("consistency_views", "consistency_weight", "memory_map_gib"):
            self._at_least(name, 0)
        if self.target_dim is not None:
            self._at_least("target_dim", 1)
        self._at_least("sparsity", 1)
        for name in ("input_dropout", "dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ConfigError(f"{name} is {value}, expected a probability in [0, 1).")
        if self.even_odd == "even" and self.inner_hops < 2:
            raise ConfigError("even_odd='even' needs inner_hops of 2 or more, got 1.")

    @property
    def rounds(self) -> int:
        """Rounds that are really run: ``iterations``, doubled if only odd messages are used."""
        return 2 * self.iterations if self.even_odd == "odd" else self.iterations

    @property
    def hops(self) -> tuple[int, ...]:
        """Hop counts of the messages that are used in every round."""
        every = range(1, self.inner_hops + 1)
        if self.even_odd == "all":
            return tuple(every)
        return tuple(hop for hop in every if hop % 2 == (self.even_odd == "odd"))

    def _check_choices(self) -> None:
        choices = {
            "even_odd": EvenOdd,
            "squash": Squash,
            "projection": Projection,
            "merge": Merge,
            "loss": LossName,
            "label_echo": EchoRemoval,
            "storage": Storage,
            "keep_rows": KeepRows,
            "cache": Cache,
        }
        for name, options in choices.items():
            value, known = getattr(self, name), get_args(options)
            if value not in known:
                raise ConfigError(f"{name} is {value!r}.{suggest(str(value), known)}")

    def _at_least(self, name: str, bound: int) -> None:
        value = getattr(self, name)
        if value < bound:
            raise ConfigError(f"{name} is {value}, expected {bound} or more.")
