"""How nodes become vectors: the part of a model that knows no task."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from hetgraph.data.schema import Schema
from hetgraph.methods.method import Stage
from hetgraph.methods.registered import Registered
from hetgraph.methods.relevance import RelevanceRow
from hetgraph.nn import Dropout
from hetgraph.nn.losses import LossName
from hetgraph.seeds import Seeds
from hetgraph.tasks import EncoderFacts, Head, Samples, Task, TaskSpec

if TYPE_CHECKING:
    from hetgraph.methods.encoder_method import EncoderMethod

__all__ = ["Batch", "Encoded", "Encoder"]


@dataclass(eq=False)
class Batch:
    """What an encoder is asked for at a time.

    Args:
        inputs: What :meth:`Encoder.prepare` returned.
        samples: Whose vectors are wanted, and what is asked of them.
        split: The split that the samples are of.
    """

    inputs: Any
    samples: Samples
    split: str = "train"

    @property
    def seeds(self) -> Mapping[str, Tensor | None]:
        """Ids of the wanted nodes by type; ``None`` stands for all of a type."""
        return self.samples.seeds


@dataclass(eq=False)
class Encoded:
    """What one pass over a batch has made.

    Args:
        vectors: ``[num_seeds, dim]`` by type, in the order of the seeds.
        kept: What :meth:`Encoder.losses` reads of the same pass.
    """

    vectors: Mapping[str, Tensor]
    kept: Any = None


class Encoder(nn.Module, Registered):
    """Makes a vector of every node that is asked for.

    Parameters are sized from the schema, the types whose vectors are asked for and the
    configuration. A subclass sets :attr:`dim` and implements :meth:`prepare` and :meth:`forward`.
    It works with every family of tasks, since these bring a head of their own.

    Args:
        schema: What the graph is made of.
        spec: ``spec.ends`` are the types whose vectors are asked for.
        config: The hyper-parameters, an instance of ``Config``.
    """

    no_decay: ClassVar[tuple[str, ...]] = ()
    """Parameters with one of these words between the dots of their name have no weight decay."""
    unfit: ClassVar[Mapping[str, str]] = {}
    """Reasons by family of tasks that the encoder is not offered for."""
    one_type: ClassVar[bool] = False
    """Whether it encodes one node type. For pairs of two types there is then one network each."""
    pair_decoder: str = "distmult"
    """How pairs are scored where the user does not say."""
    method: ClassVar[type[EncoderMethod] | None] = None
    """How it is trained, if it is not by the loss of the head alone."""
    mean_of: str = "samples"
    """See :class:`~hetgraph.tasks.EncoderFacts`."""

    dim: int
    """Dimension of the vectors."""
    decoder_dropout: float = 0.0
    """Fraction of the vectors that is dropped before the linear map to the outputs."""
    makes_outputs: bool = False
    """Whether the vectors are the outputs of a task about nodes, so that no map follows."""
    all_nodes: bool = True
    """Whether every pass computes all nodes of the types, so that naming seeds saves nothing."""
    row_wise: bool = False
    """Whether a pass costs as much as the rows of its seeds, so that blocks of them save memory."""
    loss: LossName = "auto"
    """Loss of classes that the method asks for."""

    def __init__(self, schema: Schema, spec: TaskSpec, config: Any) -> None:
        super().__init__()
        self.schema = schema
        self.spec = spec
        self.config = config

    @classmethod
    def refuses(cls, family: str) -> str:
        """Returns why the encoder is not offered for a family of tasks; empty if it is."""
        return cls.unfit.get(family, "")

    @classmethod
    def build(cls, schema: Schema, spec: TaskSpec, config: Any) -> EncoderMethod:
        """Returns the encoder joined with the head of a task."""
        from hetgraph.methods.encoder_method import EncoderMethod

        return (cls.method or EncoderMethod)(cls, schema, spec, config)

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        for parameter in self.parameters():
            return parameter.device
        return torch.device("cpu")

    @abstractmethod
    def prepare(self, task: Task, *, seeds: Seeds, workdir: Path | None = None) -> Any:
        """Computes everything that happens once: propagation, composition, copies to a device.

        Args:
            task: Graph and visible labels.
            seeds: Sources of chance.
            workdir: Folder for results worth keeping between runs; ``None`` keeps nothing.
        """

    @abstractmethod
    def forward(self, batch: Batch) -> Encoded:
        """Returns the vectors of the seeds of a batch."""

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """Returns the method's own terms of the loss: diffusion, proximity, decay."""
        return {}

    def decoder(self, num_outputs: int) -> nn.Module:
        """Returns the map from vectors to the outputs of a task about nodes."""
        return nn.Sequential(Dropout(self.decoder_dropout), nn.Linear(self.dim, num_outputs))

    def initialise(self, head: Head[Any, Any]) -> None:
        """Draws parameters anew once all are there, the head's included; nothing by default."""

    def calibrate(self, method: EncoderMethod, inputs: Any) -> None:
        """Takes statistics that evaluation needs from training nodes; nothing by default."""

    def represent(self, batch: Batch) -> Mapping[str, Tensor]:
        """Returns vectors that are worth keeping: those of :meth:`forward`, or hidden ones."""
        return self(batch).vectors  # type: ignore[no-any-return]

    def stages(self) -> tuple[Stage, ...]:
        """Returns the stages of the training, in order."""
        return (Stage(),)

    def relevance(self, inputs: Any, classes: Tensor | None = None) -> list[RelevanceRow]:
        """Returns the weight of each relation or meta-path; empty if the method has none.

        Args:
            inputs: What :meth:`prepare` returned.
            classes: ``[num_target_nodes]`` classes, -1 for nodes to leave out. Given, there is a
                further row for each class where a weight belongs to a node of the target.
        """
        return []

    def facts(self) -> EncoderFacts:
        """Returns what a head must know."""
        return EncoderFacts(
            dim=self.dim,
            makes_outputs=self.makes_outputs,
            all_nodes=self.all_nodes,
            decoder=self.decoder,
            pair_decoder=self.pair_decoder,
            loss=self.loss,
            mean_of=self.mean_of,
        )
