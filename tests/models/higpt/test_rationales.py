"""Teachers: one of fixed sentences, one behind an endpoint that the test plays."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from hetgraph.errors import ConfigError, UserError
from hetgraph.models.higpt.rationales import (
    STYLES,
    OpenAIProvider,
    TemplateProvider,
    write_rationale,
)

httpx = pytest.importorskip("httpx", reason="the extra llm is not installed")


class Endpoint:
    """Answers as chat completions do; what its script holds comes first: status or exception."""

    def __init__(self, *script: int | type[Exception]) -> None:
        self.script = list(script)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: Any) -> Any:
        body = json.loads(request.content)
        seconds = request.extensions["timeout"]["read"]
        key = request.headers.get("Authorization")
        self.asked.append({**body, "key": key, "timeout": seconds})
        step = self.script.pop(0) if self.script else 200
        if not isinstance(step, int):
            raise step("nobody there", request=request)
        said = {"choices": [{"message": {"content": f" Answer: {len(self.asked)} "}}]}
        right = str(request.url) == "http://teacher.test/v1/chat/completions"
        return httpx.Response(step, json=said if right else {})


def provider(endpoint: Endpoint, url: str = "http://teacher.test/v1", **options: Any) -> Any:
    return OpenAIProvider(url, "teacher", transport=httpx.MockTransport(endpoint), **options)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between attempts, which are not waited for; no key of the user's is sent."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return seconds


def test_the_endpoint_gets_question_answer_and_style() -> None:
    endpoint = Endpoint()
    teacher = provider(endpoint, "http://teacher.test/v1/", key="secret")
    rationale = write_rationale(teacher, STYLES[5], "Which?", "drama")
    assert rationale.answer == "Answer: 2"
    assert rationale.teacher == "teacher"
    assert rationale.cue.startswith("Knowledge: Answer: 1\n")
    first, second = endpoint.asked
    assert first["key"] == "Bearer secret"
    assert (first["model"], first["temperature"], first["top_p"]) == ("teacher", 0.7, 1)
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    assert "Which?" in second["messages"][0]["content"]
    assert "drama" in second["messages"][0]["content"]
    assert STYLES[5].request in second["messages"][0]["content"]


def test_the_key_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint()
    provider(endpoint).write("q", "a", "r", ())
    monkeypatch.setenv("OPENAI_API_KEY", "mine")
    provider(endpoint).write("q", "a", "r", ())
    assert [body["key"] for body in endpoint.asked] == [None, "Bearer mine"]


def test_the_time_out_is_sixty_seconds_unless_given() -> None:
    endpoint = Endpoint()
    provider(endpoint).write("q", "a", "r", ())
    provider(endpoint, timeout=5).write("q", "a", "r", ())
    assert [body["timeout"] for body in endpoint.asked] == [60, 5]


@pytest.mark.parametrize("step", [503, 500, 429, httpx.ReadTimeout, httpx.ConnectError])
def test_a_busy_or_silent_endpoint_is_asked_again(
    step: int | type[Exception], waits: list[float]
) -> None:
    endpoint = Endpoint(step, step)
    assert provider(endpoint).write("q", "a", "r", ()) == "Answer: 3"
    assert waits == [0.5, 1.0]
    with pytest.raises(UserError, match="gave no answer"):
        provider(Endpoint(step, step, step)).write("q", "a", "r", ())
    with pytest.raises(UserError, match="gave no answer"):
        provider(Endpoint(step), retries=0).write("q", "a", "r", ())


@pytest.mark.parametrize("code", [400, 401, 404, 302])
def test_a_refusal_is_told_at_once(code: int, waits: list[float]) -> None:
    endpoint = Endpoint(code)
    with pytest.raises(UserError, match=rf"gave no answer \(HTTP {code}\)"):
        provider(endpoint).write("q", "a", "r", ())
    assert (len(endpoint.asked), waits) == (1, [])


def test_an_answer_of_another_form_is_told() -> None:
    with pytest.raises(UserError, match="did not answer as chat completions do"):
        provider(Endpoint(), "http://teacher.test/v2").write("q", "a", "r", ())


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(UserError, match="is no address, expected http"):
        provider(Endpoint(), "file:///etc")
    with pytest.raises(UserError, match="is no address"):
        provider(Endpoint(), "http://teacher.test:port").write("q", "a", "r", ())


def test_a_missing_package_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ConfigError, match=r"'httpx'.*pip install 'hetgraph\[llm\]'"):
        OpenAIProvider("http://teacher.test/v1", "teacher")


@pytest.mark.parametrize("place", range(7))
def test_the_teacher_of_fixed_sentences_answers_in_every_style(place: int) -> None:
    rationale = write_rationale(TemplateProvider(), STYLES[place], "Which?", "drama", ["a film"])
    assert "drama" in rationale.answer
    assert '"a film"' in rationale.answer
    assert ("Knowledge:" in rationale.cue) == (place >= 5)
    assert "drama" not in rationale.cue
    assert "synthetic" in rationale.teacher
