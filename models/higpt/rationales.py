"""Mixture-of-Thought: rationales of a teacher that knows the answer, in seven styles."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hetgraph.errors import UserError
from hetgraph.optional import require

if TYPE_CHECKING:
    import httpx

__all__ = [
    "STYLES",
    "OpenAIProvider",
    "Provider",
    "Rationale",
    "Style",
    "TemplateProvider",
    "write_rationale",
]


@dataclass(frozen=True)
class Style:
    """One way to ask a teacher, and the cue that the student gets instead.

    Args:
        name: Short name.
        request: What the teacher is asked for.
        cue: Replaces the usual cue in the student's question.
        knowledge: What the teacher is asked for first; its answer goes into the student's question.
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
"""The seven styles of the paper, in its order; the wording is ours.

Source: HiGPT, table of Mixture-of-Thought prompts.
"""


@dataclass(frozen=True)
class Rationale:
    """A teacher's explanation of a solved question.

    Args:
        cue: Replaces the usual cue in the student's question.
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
        """Is stored with its texts."""

    def write(self, question: str, answer: str, request: str, evidence: Sequence[str]) -> str:
        """Returns the text that is asked for.

        Args:
            question: The solved question.
            answer: Its right answer.
            request: What to write.
            evidence: Texts of nodes around the one in question.
        """


def write_rationale(
    provider: Provider, style: Style, question: str, answer: str, evidence: Sequence[str] = ()
) -> Rationale:
    """Asks a teacher for the rationale of a training question.

    The teacher sees the answer, so its texts must not enter questions that are scored: in the
    styles with knowledge, some of its text is in the question itself.

    Args:
        provider: The teacher.
        style: How it is asked.
        question: The solved question.
        answer: Its right answer.
        evidence: Texts of nodes around the node in question.

    Example:
        >>> rationale = write_rationale(TemplateProvider(), STYLES[0], "Which genre?", "drama")
        >>> rationale.answer.splitlines()[0]
        'Answer: drama'
    """
    cue = style.cue
    if style.knowledge:
        known = provider.write(question, answer, style.knowledge, evidence)
        cue = f"Knowledge: {known}\n{cue}"
    return Rationale(cue, provider.write(question, answer, style.request, evidence), provider.name)


class TemplateProvider:
    """A teacher that fills in fixed sentences with texts of neighbours; its texts are synthetic.

    It needs no language model. It shows how the pieces fit together; expect no gain in accuracy.
    """

    name = "template (synthetic)"

    def write(self, question: str, answer: str, request: str, evidence: Sequence[str]) -> str:
        """Returns a text of fixed form; see :class:`Provider`."""
        quoted = "; ".join(f'"{text}"' for text in evidence) or "no text"
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
        temperature: Sampling temperature; the paper uses 0.7.
        timeout: Seconds to wait for an answer.
        retries: Further attempts when the endpoint is busy or cannot be reached.
        transport: What sends the requests, for tests; ``None``: the network.

    Raises:
        ConfigError: If the package httpx is missing.
        UserError: If the address is none.
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._httpx: Any = require("httpx", "hetgraph[llm]")
        self.url = f"{url.rstrip('/')}/chat/completions"
        self.model, self.temperature, self.retries = model, temperature, retries
        if not self.url.startswith(("http://", "https://")):
            raise UserError(f"{self.url} is no address, expected http://... or https://...")
        key = os.environ.get("OPENAI_API_KEY") if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client: httpx.Client = self._httpx.Client(
            headers=headers, timeout=timeout, transport=transport
        )

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
        response = self._post(body)
        try:
            text = response.json()["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise UserError(
                f"{self.url} did not answer as chat completions do ({error!r}); check the address."
            ) from error
        return str(text).strip()

    def _post(self, body: dict[str, Any]) -> httpx.Response:
        """Returns the first successful answer; asks again only where that may help."""
        reason = ""
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(min(2.0 ** (attempt - 1), 30) * 0.5)
            try:
                response = self._client.post(self.url, json=body)
            except self._httpx.InvalidURL as error:
                raise UserError(f"{self.url} is no address ({error}).") from error
            except self._httpx.RequestError as error:
                reason = f"{type(error).__name__}: {error}"
                continue
            if response.is_success:
                return response
            reason = f"HTTP {response.status_code}"
            if response.status_code != 429 and response.status_code < 500:
                break
        raise UserError(f"{self.url} gave no answer ({reason}); check address, model and key.")
