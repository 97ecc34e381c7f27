"""A causal language model that reads tokens of graphs."""

from __future__ import annotations

from hetgraph.models.higpt.language.causal import Causal, load_causal
from hetgraph.models.higpt.language.prompt import BLOCK, Prompt, encode_prompt
from hetgraph.models.higpt.language.splice import SplicedLanguageModel

__all__ = ["BLOCK", "Causal", "Prompt", "SplicedLanguageModel", "encode_prompt", "load_causal"]
