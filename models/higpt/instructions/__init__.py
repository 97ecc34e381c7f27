"""Instructions: questions about nodes in words and graph blocks, and their answers."""

from __future__ import annotations

from hetgraph.models.higpt.instructions.build import Instruction, InstructionBuilder
from hetgraph.models.higpt.instructions.templates import Templates, read_templates

__all__ = ["Instruction", "InstructionBuilder", "Templates", "read_templates"]
