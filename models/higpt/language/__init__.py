"""A causal language model that reads tokens of graphs."""

from __future__ import annotations

from hetgraph.models.higpt.language.causal import Causal, load_causal
from hetgraph.models.higpt.language.prompt import BLOCK, Prompt, encode_prompt
from hetgraph.models.higpt.language.side import LanguageSide

__all__ = ["BLOCK", "Causal", "LanguageSide", "Prompt", "encode_prompt", "load_causal"]
