"""The parser of meta-paths; every error names the column and the token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from hetgraph.data.schema import EdgeType, Schema
from hetgraph.errors import MetaPathError, suggest
from hetgraph.metapaths.step import QUOTES, SYMBOLS, Step, quote, spell_step, steps_between

__all__ = ["parse_steps"]


class Token(NamedTuple):
    """A symbol or a name, with its first column, counted from 1."""

    kind: str  # the symbol itself (- < >), "name" or "end"
    value: str
    column: int


class Link(NamedTuple):
    """The connection of two node types: ``-``, ``-name>`` or ``<name-``."""

    name: Token | None  # None for a plain "-", which does not name the relation
    forward: bool


def parse_steps(text: str, schema: Schema) -> tuple[Step, ...]:
    """Reads the steps of a meta-path; see :meth:`MetaPath.parse`."""
    return _Parser(text, schema).steps()


class _Parser:
    """A recursive-descent parser with one token of look-ahead."""

    def __init__(self, text: str, schema: Schema) -> None:
        self.text, self.schema = text, schema
        self.tokens = list(self._tokens())
        self.next = 0

    def steps(self) -> tuple[Step, ...]:
        node = self._node()
        steps = []
        while self._peek().kind != "end":
            link, end = self._link()
            steps.append(self._step(node, link, end))
            node = end
        if not steps:
            self._fail(self._peek(), f"{node.value!r} is one node type; a path needs two or more")
        return tuple(steps)

    # ---------------------------------------------------------------------- tokens

    def _tokens(self) -> Iterator[Token]:
        text, at = self.text, 0
        while at < len(text):
            start, char = at, text[at]
            if char.isspace():
                at += 1
            elif char in SYMBOLS:
                at += 1
                yield Token(char, char, start + 1)
            elif char in QUOTES:
                value, at = self._quoted(start)
                yield Token("name", value, start + 1)
            else:
                while at < len(text) and not (
                    text[at] in SYMBOLS or text[at] in QUOTES or text[at].isspace()
                ):
                    at += 1
                yield Token("name", text[start:at], start + 1)
        yield Token("end", "", len(text) + 1)

    def _quoted(self, start: int) -> tuple[str, int]:
        mark, at, pieces = self.text[start], start + 1, []
        while True:
            end = self.text.find(mark, at)
            if end < 0:
                self._fail(Token("name", "", start + 1), f"the quote {mark} is never closed")
            pieces.append(self.text[at:end])
            if not self.text.startswith(mark, end + 1):
                return "".join(pieces), end + 1
            pieces.append(mark)
            at = end + 2

    def _peek(self) -> Token:
        return self.tokens[self.next]

    def _take(self, kind: str, expected: str) -> Token:
        token = self._peek()
        if token.kind != kind:
            found = "the text ends" if token.kind == "end" else f"found {token.value!r}"
            self._fail(token, f"expected {expected}, {found}")
        self.next += 1
        return token

    # --------------------------------------------------------------------- grammar

    def _node(self) -> Token:
        return self._known(self._take("name", "a node type"))

    def _known(self, token: Token) -> Token:
        if token.value not in self.schema.node_types:
            hint = suggest(quote(token.value), map(quote, self.schema.node_types))
            self._fail(token, f"{token.value!r} is not a node type", hint)
        return token

    def _link(self) -> tuple[Link, Token]:
        if self._peek().kind == "<":
            self.next += 1
            name = self._take("name", "a relation after '<'")
            self._take("-", f"'-' after '<{quote(name.value)}'")
            return Link(name, False), self._node()
        self._take("-", "'-' or '<'")
        name = self._take("name", "a node type, or a relation and '>', after '-'")
        if self._peek().kind != ">":
            return Link(None, True), self._known(name)
        self.next += 1
        return Link(name, True), self._node()

    def _step(self, start: Token, link: Link, end: Token) -> Step:
        options = steps_between(start.value, end.value, self.schema)
        ends = f"{quote(start.value)}-{quote(end.value)}"
        if not options:
            problem = f"no relation joins {start.value!r} and {end.value!r}"
            self._fail(end, problem, self._near(start))
        if link.name is None:
            if len(options) > 1:
                listed = "; ".join(map(spell_step, options))
                self._fail(end, f"{ends} is ambiguous, write one of: {listed}")
            return options[0]
        name = link.name.value
        pair = (start.value, end.value) if link.forward else (end.value, start.value)
        edge_type = EdgeType(pair[0], name, pair[1])
        if edge_type not in self.schema.edge_types:
            listed = "; ".join([*map(spell_step, options), *([ends] if len(options) == 1 else [])])
            self._fail(link.name, f"no relation {name!r} leads this way, write one of: {listed}")
        return Step(edge_type, link.forward)

    def _near(self, start: Token) -> str:
        name = start.value
        reached = {key.dst if key.src == name else key.src for key in self.schema.incident(name)}
        if not reached:
            return f" {name!r} has no relations."
        return f" {name!r} is joined to: {', '.join(sorted(map(quote, reached)))}."

    def _fail(self, token: Token, problem: str, hint: str = "") -> NoReturn:
        end = "" if problem.endswith(".") else "."
        raise MetaPathError(f"meta-path {self.text!r}, column {token.column}: {problem}{end}{hint}")
