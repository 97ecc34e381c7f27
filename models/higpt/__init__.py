"""HiGPT: a tokenizer for any graph whose types are described, and a language model on top."""

from __future__ import annotations

from hetgraph.models.higpt.config import HiGPTConfig, LanguageConfig
from hetgraph.models.higpt.model import HiGPT
from hetgraph.models.higpt.tokenizer import Tokenizer, TokenizerShape

__all__ = ["HiGPT", "HiGPTConfig", "LanguageConfig", "Tokenizer", "TokenizerShape"]
