"""The tokenizer: one vector per node of any graph whose types are described."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from hetgraph.data import CSR, EdgeType
from hetgraph.errors import ConfigError
from hetgraph.models.higpt.descriptions import TypeVectors
from hetgraph.models.higpt.generator import GeneratorKind
from hetgraph.models.higpt.layer import Activation, Compat, LayerWeights, MetaLayer

__all__ = ["Tokenizer", "TokenizerShape"]


@dataclass(frozen=True)
class TokenizerShape:
    """Sizes of the parameters, and options of the layers.

    Args:
        type_dim: Dim of the vectors of types.
        input_dim: Dim of the vectors of nodes.
        dim: Dim of tokens.
        num_heads: Attention heads, a divisor of ``dim``.
        num_layers: Layers; the released tokenizer has one. Without any, a token is the vector of
            its node, mapped if dims differ.
        generator: ``"low-rank"``, or ``"full"`` as published.
        rank: Rank of low-rank generators.
        activation: ``"gelu"``, or ``"identity"`` as in the official implementation.
        norm: Whether layers end with a layer normalisation.
        gate: Whether old and new are mixed by a gate, or added.
        compat: ``"released"`` transforms only one head, see :class:`MetaLayer`.

    Raises:
        ConfigError: If a value is out of its range.
    """

    type_dim: int
    input_dim: int
    dim: int = 128
    num_heads: int = 4
    num_layers: int = 1
    generator: GeneratorKind = "low-rank"
    rank: int = 16
    activation: Activation = "gelu"
    norm: bool = True
    gate: bool = True
    compat: Compat = "mended"

    def __post_init__(self) -> None:
        for name in ("type_dim", "input_dim", "dim", "num_heads", "num_layers", "rank"):
            least = 0 if name == "num_layers" else 1
            if getattr(self, name) < least:
                value = getattr(self, name)
                raise ConfigError(f"model.{name} is {value}, expected at least {least}.")
        if self.dim % self.num_heads:
            raise ConfigError(
                f"model.dim is {self.dim}, expected a multiple of the {self.num_heads} heads."
            )


class Tokenizer(nn.Module):
    """Layers with generated weights over vectors of nodes; no parameter belongs to a type.

    If node vectors and tokens differ in dim, a linear map that all types share precedes the first
    layer; it expects vectors of norm 1.

    Args:
        shape: Dims and options.
    """

    def __init__(self, shape: TokenizerShape) -> None:
        super().__init__()
        self.shape = shape
        same = shape.input_dim == shape.dim
        self.input = None if same else nn.Linear(shape.input_dim, shape.dim)
        self._stretch = math.sqrt(shape.input_dim)  # entries of unit rows become about 1
        self.layers = nn.ModuleList(
            MetaLayer(
                shape.type_dim,
                shape.dim,
                shape.num_heads,
                generator=shape.generator,
                rank=shape.rank,
                activation="identity" if shape.compat == "released" else shape.activation,
                norm=shape.norm,
                gate=shape.gate,
                compat=shape.compat,
            )
            for _ in range(shape.num_layers)
        )

    def weights(self, types: TypeVectors) -> list[LayerWeights]:
        """Generates the weights of all layers for a schema; keep them while they are frozen."""
        return [layer.weights(types) for layer in self._meta_layers()]

    def forward(
        self,
        x: Mapping[str, Tensor],
        relations: Mapping[EdgeType, CSR],
        weights: list[LayerWeights],
        *,
        outputs: Collection[str] | None = None,
        fractions: list[dict[EdgeType, Tensor]] | None = None,
    ) -> dict[str, Tensor]:
        """Returns tokens ``[num_nodes, dim]`` by type.

        Args:
            x: ``[num_nodes, input_dim]`` by type.
            relations: ``[num_dst, num_src]`` by edge type.
            weights: What :meth:`weights` returned for the schema.
            outputs: Types to compute in the last layer; ``None``: all.
            fractions: Gets one table per layer, see :meth:`MetaLayer.forward`.
        """
        out = dict(x)
        if self.input is not None:
            out = {name: self.input(vectors * self._stretch) for name, vectors in x.items()}
        last = len(self.layers) - 1
        for place, (layer, made) in enumerate(zip(self._meta_layers(), weights, strict=True)):
            wanted = outputs if place == last else None
            table: dict[EdgeType, Tensor] | None = None
            if fractions is not None:
                fractions.append(table := {})
            out = layer(out, relations, made, outputs=wanted, fractions=table)
        return out

    def _meta_layers(self) -> list[MetaLayer]:
        return [layer for layer in self.layers if isinstance(layer, MetaLayer)]
