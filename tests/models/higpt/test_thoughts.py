"""Teachers: one by rule, one behind an endpoint on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from hetgraph.errors import UserError
from hetgraph.models.higpt.thoughts import STYLES, OpenAIProvider, TemplateProvider, think


class Endpoint(BaseHTTPRequestHandler):
    """Answers as chat completions do; the first words of its script are errors to give."""

    asked: list[dict[str, Any]]
    script: list[int]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append({**body, "key": self.headers.get("Authorization")})
        code = self.script.pop(0) if self.script else 200
        said = {"choices": [{"message": {"content": f" Answer: {len(self.asked)} "}}]}
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(said if self.path == "/v1/chat/completions" else {}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing is written to the terminal."""


@pytest.fixture
def endpoint() -> Iterator[tuple[str, type[Endpoint]]]:
    handler = type("Own", (Endpoint,), {"asked": [], "script": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()


def test_the_endpoint_gets_question_answer_and_style(
    endpoint: tuple[str, type[Endpoint]],
) -> None:
    url, handler = endpoint
    provider = OpenAIProvider(f"{url}/v1/", "teacher", key="secret")
    thought = think(provider, STYLES[5], "Which?", "drama")
    assert thought.answer == "Answer: 2"
    assert thought.teacher == "teacher"
    assert thought.cue.startswith("Knowledge: Answer: 1\n")
    first, second = handler.asked
    assert first["key"] == "Bearer secret"
    assert first["temperature"] == 0.7
    roles = [one["role"] for one in first["messages"]]
    assert roles == ["system", "user"]
    assert "Which?" in second["messages"][0]["content"]
    assert "drama" in second["messages"][0]["content"]
    assert STYLES[5].request in second["messages"][0]["content"]


def test_a_busy_endpoint_is_asked_again_and_a_refusal_is_told(
    endpoint: tuple[str, type[Endpoint]],
) -> None:
    url, handler = endpoint
    handler.script[:] = [503]
    assert OpenAIProvider(f"{url}/v1", "m").write("q", "a", "r", ()) == "Answer: 2"
    handler.script[:] = [401]
    with pytest.raises(UserError, match="HTTP 401"):
        OpenAIProvider(f"{url}/v1", "m").write("q", "a", "r", ())
    assert len(handler.asked) == 3
    with pytest.raises(UserError, match="did not answer as chat completions do"):
        OpenAIProvider(f"{url}/v2", "m").write("q", "a", "r", ())
    with pytest.raises(UserError, match="is no address"):
        OpenAIProvider("file:///etc", "m").write("q", "a", "r", ())


def test_nobody_there_is_told() -> None:
    provider = OpenAIProvider("http://127.0.0.1:9", "m", retries=0, timeout=2)
    with pytest.raises(UserError, match="gave no answer"):
        provider.write("q", "a", "r", ())


@pytest.mark.parametrize("place", range(7))
def test_the_teacher_by_rule_answers_in_every_style(place: int) -> None:
    thought = think(TemplateProvider(), STYLES[place], "Which?", "drama", ["a film"])
    assert "drama" in thought.answer
    assert '"a film"' in thought.answer
    assert ("Knowledge:" in thought.cue) == (place >= 5)
    assert "drama" not in thought.cue
    assert "synthetic" in thought.teacher
