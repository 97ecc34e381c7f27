from __future__ import annotations

import pytest

from hetgraph.cli.parser import Parser, UsageError


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="tool")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    train = commands.add_parser("train")
    train.add_argument("model")
    train.add_argument("--seed", type=int)
    train.add_argument("--resume", action="store_true")
    commands.add_parser("show")
    return parser


def message(parser: Parser, *words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parser.parse_args(words)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_right_line_is_parsed(parser: Parser) -> None:
    args = parser.parse_args(["train", "m", "--seed", "3"])
    assert (args.model, args.seed, args.resume) == ("m", 3, False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "unknown command 'trian'. Did you mean 'train'? See `tool --help`."),
        (["zzz"], "unknown command 'zzz'. Known: show, train. See `tool --help`."),
        (
            ["train", "m", "--sed", "1"],
            "unknown option '--sed'. Did you mean '--seed'? See `tool train --help`.",
        ),
        (
            ["train", "m", "--sed=1"],
            "unknown option '--sed'. Did you mean '--seed'? See `tool train --help`.",
        ),
        (
            ["train", "m", "x", "y"],
            "one argument too many: 'x'. See `tool train --help`.",
        ),
        (
            ["train", "m", "--seed", "one"],
            "argument --seed: invalid int value: 'one'. See `tool train --help`.",
        ),
        (
            ["train"],
            "the following arguments are required: model. See `tool train --help`.",
        ),
        (["--sed"], "unknown option '--sed'. Did you mean '--help'? See `tool --help`."),
    ],
)
def test_a_wrong_line_gives_one_line_with_the_repair(
    parser: Parser, words: list[str], expected: str
) -> None:
    assert message(parser, *words) == expected


def test_options_are_not_abbreviated(parser: Parser) -> None:
    # `--res` would silently become `--resume`, and change its meaning when an option is added.
    assert "unknown option '--res'" in message(parser, "train", "m", "--res")
