"""Mixture-of-Thought: rationales of a teacher that knows the answer, in seven styles."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hetgraph.errors import UserError

__all__ = ["STYLES", "OpenAIProvider", "Provider", "Style", "TemplateProvider", "Thought", "think"]


@dataclass(frozen=True)
class Style:
    """One way to ask a teacher, and what the student is told in its place.

    Args:
        name: Short name.
        request: What the teacher is asked for.
        cue: What stands in the student's question in place of the usual cue.
        knowledge: What the teacher is asked for first; it goes into the student's question.
    """

    name: str
    request: str
    cue: str
    knowledge: str = ""


_STEPS = "Think step by step, do not trust chance associations, and give answer and reason."
_EXPERTS = (
    "Let three experts answer together: each writes down one step, all share it, and whoever "
    "finds to be wrong leaves."
)
_KNOWN = f"Use the knowledge above. {_STEPS}"

STYLES: tuple[Style, ...] = (
    Style(
        "chain-free",
        "Take the answer as right. Write the steps that lead to it, in your own words.",
        _STEPS,
    ),
    Style(
        "chain-fixed",
        "Take the answer as right. Write 'Answer:' and it, then 'Reason:' and the steps.",
        f"{_STEPS} Write 'Answer:' and then 'Reason:'.",
    ),
    Style(
        "tree-rounds",
        "Take the answer as right. Write two rounds of three experts who share one step each and "
        "may leave, then 'Final answer:' and it.",
        f"{_EXPERTS} Show the rounds, then write 'Final answer:'.",
    ),
    Style(
        "tree-once",
        "Take the answer as right. Write one round of three experts who share one step each, then "
        "'Final answer:' and it.",
        f"{_EXPERTS} One round will do; end with 'Final answer:'.",
    ),
    Style(
        "panel",
        "Take the answer as right. Write a panel of three experts who correct each other and lose "
        "points for mistakes, then 'Final answer:' and it.",
        "Let three experts hold a panel in which mistakes cost points; end with 'Final answer:'.",
    ),
    Style(
        "knowledge-classes",
        "Take the answer as right. Write 'Answer:' and it, then 'Reason:' and the steps.",
        _KNOWN,
        "Write what sets the classes in question apart.",
    ),
    Style(
        "knowledge-terms",
        "Take the answer as right. Write 'Answer:' and it, then 'Reason:' and the steps.",
        _KNOWN,
        "Explain the names and special terms in the question.",
    ),
)
"""The seven cases of the method, in its order; the wording is ours.

Source: HiGPT, table of Mixture-of-Thought prompts.
"""


@dataclass(frozen=True)
class Thought:
    """What a teacher made of a solved question.

    Args:
        cue: What takes the place of the usual cue in the student's question.
        answer: What the student should say.
        teacher: Name of the provider.
    """

    cue: str
    answer: str
    teacher: str


class Provider(Protocol):
    """A teacher."""

    @property
    def name(self) -> str:
        """What is noted beside its texts."""

    def write(self, question: str, answer: str, request: str, evidence: Sequence[str]) -> str:
        """Returns the text that is asked for.

        Args:
            question: The solved question.
            answer: Its right answer.
            request: What to write.
            evidence: Texts of nodes around the one in question.
        """


def think(
    provider: Provider, style: Style, question: str, answer: str, evidence: Sequence[str] = ()
) -> Thought:
    """Asks a teacher for the rationale of a training question.

    The teacher sees the answer, so nothing of it may go into questions that are scored: of the
    styles with knowledge, a part stands in the question itself.
    """
    cue = style.cue
    if style.knowledge:
        known = provider.write(question, answer, style.knowledge, evidence)
        cue = f"Knowledge: {known}\n{cue}"
    return Thought(cue, provider.write(question, answer, style.request, evidence), provider.name)


class TemplateProvider:
    """A teacher by rule that quotes the texts of neighbours; its texts are synthetic.

    It needs no language model. It shows how the pieces fit together; nobody should expect a gain
    in accuracy from it.
    """

    name = "template (synthetic)"

    def write(self, question: str, answer: str, request: str, evidence: Sequence[str]) -> str:
        """Returns a text of fixed form; see :class:`Provider`."""
        quoted = "; ".join(f'"{one}"' for one in evidence) or "no text"
        if "classes in question" in request:
            return (
                "The classes differ in what their nodes are about and in what they are linked to."
            )
        if "special terms" in request:
            return f"Around the node one reads: {quoted}."
        reason = f"The nodes around it read: {quoted}. This speaks for {answer}."
        if "experts" in request:
            experts = f"Expert 1: {reason}\nExpert 2: I agree.\nExpert 3: I agree."
            return f"{experts}\nFinal answer: {answer}"
        return f"Answer: {answer}\nReason: {reason}"


class OpenAIProvider:
    """A teacher behind an endpoint that speaks the protocol of OpenAI's chat completions.

    Args:
        url: Its base, such as ``"http://localhost:8000/v1"``.
        model: Name of the model there.
        key: Sent as bearer token; ``None``: the environment variable ``OPENAI_API_KEY``, if set.
        temperature: Of the sampling; the authors take 0.7.
        timeout: Seconds to wait for an answer.
        retries: Further attempts when the endpoint is busy or cannot be reached.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        temperature: float = 0.7,
        timeout: float = 60.0,
        retries: int = 2,
    ) -> None:
        self.url = f"{url.rstrip('/')}/chat/completions"
        self.model, self.temperature = model, temperature
        self.timeout, self.retries = timeout, retries
        self._key = os.environ.get("OPENAI_API_KEY") if key is None else key

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model

    def write(self, question: str, answer: str, request: str, evidence: Sequence[str]) -> str:
        """Asks the endpoint; see :class:`Provider`.

        Raises:
            UserError: If it cannot be reached, refuses, or answers in another form.
        """
        system = f"Question: {question}\nAnswer: {answer}\n{request}"
        body = {
            "model": self.model,
            "temperature": self.temperature,
            "top_p": 1,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": ""}],
        }
        found = self._post(json.dumps(body).encode())
        try:
            text = json.loads(found)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise UserError(
                f"{self.url} did not answer as chat completions do ({error!r}); check the address."
            ) from error
        return str(text).strip()

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if not self.url.startswith(("http://", "https://")):
            raise UserError(f"{self.url} is no address, expected http://... or https://...")
        for attempt in range(self.retries + 1):
            request = urllib.request.Request(self.url, body, headers, method="POST")
            reason, final = self._try(request)
            if isinstance(reason, bytes):
                return reason
            if final or attempt == self.retries:
                break
            time.sleep(min(2.0**attempt, 30) * 0.5)
        raise UserError(f"{self.url} gave no answer ({reason!r}); check address, model and key.")

    def _try(self, request: urllib.request.Request) -> tuple[bytes | str, bool]:
        """Returns the answer, or why there is none and whether asking again is of no use."""
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return bytes(answer.read()), True
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code}", error.code != 429 and error.code < 500
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            return str(error), False
