"""`hetgraph higpt`: query a trained HiGPT, measure its graph tokens, write instructions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    from rich.console import Console

_BAR = 24
_MAX_TEXT = 300


def add_command(commands: Commands) -> None:
    """Adds the command's parser and those of its actions."""
    parser = commands.add_parser(
        "higpt",
        help="ask a trained HiGPT about nodes, measure the effect of graph tokens",
        description="Works with the folders that `hetgraph train higpt --out DIR` writes.",
        epilog="examples:\n"
        "  hetgraph higpt chat runs/acm --node 5\n"
        "  hetgraph higpt compare runs/acm --with none\n"
        "  hetgraph higpt answers runs/acm --limit 100\n"
        "  hetgraph higpt instructions runs/acm --out instructions",
    )
    parser.set_defaults(run=lambda _: _help(parser))
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    _add_chat(actions)
    _add_compare(actions)
    _add_answers(actions)
    _add_instructions(actions)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _add_chat(actions: Any) -> None:
    parser = actions.add_parser(
        "chat",
        help="answer about nodes with the scores of their classes",
        description="Without --node it starts with the first test node, then reads lines: the\n"
        "id of a node, and a question if the run has a language model.",
    )
    add = parser.add_argument
    add("folder", metavar="RUN", type=Path, help="folder of a finished run")
    add("--node", type=int, metavar="N", help="answer about this node only")
    add("--question", metavar="TEXT", help="question to ask instead of the class")
    add("--free", action="store_true", help="also let the language model answer in words")
    add_root(parser)
    parser.set_defaults(run=chat)


def _add_compare(actions: Any) -> None:
    parser = actions.add_parser(
        "compare",
        help="compare test scores with and without graph tokens in a paired test",
    )
    add = parser.add_argument
    add("folder", metavar="RUN", type=Path, help="folder of a finished run")
    add(
        "--with",
        choices=("none", "shuffled", "last"),
        default="none",
        metavar="MODE",
        dest="other",
        help="what to compare with: none, shuffled (tokens of other nodes) or last",
    )
    add_root(parser)
    parser.set_defaults(run=compare)


def _add_answers(actions: Any) -> None:
    parser = actions.add_parser(
        "answers",
        help="score answers in words about the test nodes",
        description="The official protocol: an answer counts as the class that it names. The\n"
        "scores of the likeliest labels of the same nodes are shown beside it.",
    )
    add = parser.add_argument
    add("folder", metavar="RUN", type=Path, help="folder of a finished run")
    add("--limit", type=int, metavar="N", help="only the first N test nodes")
    add(
        "--tokens",
        type=int,
        metavar="N",
        default=64,
        help="maximum number of tokens per answer (default: 64)",
    )
    add("--out", type=Path, metavar="FILE", help="write the answers to a JSON file")
    add_root(parser)
    parser.set_defaults(run=answers)


def _add_instructions(actions: Any) -> None:
    parser = actions.add_parser(
        "instructions",
        help="write the instructions of a run in the official format",
    )
    add = parser.add_argument
    add("folder", metavar="RUN", type=Path, help="folder of a finished run")
    add("--split", choices=("train", "valid", "test"), default="train", help="default: train")
    add("--out", type=Path, metavar="DIR", required=True, help="folder, new or empty")
    add("--style", type=int, choices=range(7), metavar="N", help="a style of Mixture-of-Thought")
    add("--url", metavar="URL", help="endpoint of the teacher, such as http://localhost:8000/v1")
    add("--teacher", metavar="NAME", default="gpt-3.5-turbo", help="name of the model there")
    add_root(parser)
    parser.set_defaults(run=instructions)


def chat(args: argparse.Namespace) -> int:
    """Answers about one node, or about the nodes that the user types."""
    from hetgraph.cli.console import stdout
    from hetgraph.models.higpt.chat import answer_about
    from hetgraph.runs.reopen import reopen

    run, console = reopen(args.folder, args.root), stdout()
    first = int(run.task.index("test")[0]) if args.node is None else args.node
    _show(console, answer_about(run, first, question=args.question, free=args.free))
    for node, question in _asked() if args.node is None else ():
        with _mistakes_shown(console):
            _show(console, answer_about(run, node, question=question, free=args.free))
    return 0


@contextmanager
def _mistakes_shown(console: Console) -> Iterator[None]:
    """Prints a user's mistake instead of ending the conversation."""
    from hetgraph.errors import UserError

    try:
        yield
    except UserError as error:
        console.print(str(error), markup=False)


def _asked() -> Iterator[tuple[int, str | None]]:
    """Yields node ids and questions, line by line, from the terminal or a pipe."""
    typed = sys.stdin is not None and sys.stdin.isatty()
    while True:
        if typed:
            sys.stderr.write("node [question]> ")
            sys.stderr.flush()
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line or line.strip() in ("q", "quit", "exit"):
            return
        number, _, question = line.strip().partition(" ")
        if number.isdigit():
            yield int(number), question.strip() or None
        elif number:
            sys.stderr.write(f"{number!r} is no node id; write one, or q to quit.\n")


def _show(console: Console, answer: Any) -> None:
    from hetgraph.cli.console import plain, table

    title = f"{answer.node_type} {answer.node}"
    if answer.text:
        short = answer.text[:_MAX_TEXT] + ("..." if len(answer.text) > _MAX_TEXT else "")
        console.print(f"{title}: {short}", markup=False)
    shown = table("class", "score", "", title=title, right=("score",))
    for name, score in answer.scores.items():
        shown.add_row(plain(name), f"{score:.4f}", "━" * round(_BAR * score))
    console.print(shown)
    if answer.said:
        console.print(answer.said, markup=False)


def compare(args: argparse.Namespace) -> int:
    """Prints the accuracies and the paired test."""
    from hetgraph.cli.console import p_text, pairs, stdout
    from hetgraph.models.higpt.evaluation import compare_modes, true_classes
    from hetgraph.runs.reopen import reopen

    run = reopen(args.folder, args.root)
    target = true_classes(run, "test")
    comparison = compare_modes(run.model, run.inputs, target, modes=("all", args.other))
    low, high = comparison.interval
    rows: dict[str, object] = {
        f"accuracy, {mode}": f"{value:.4f}" for mode, value in comparison.accuracy.items()
    }
    rows["right only with all"] = comparison.only_first
    rows[f"right only with {args.other}"] = comparison.only_second
    rows["p (McNemar, exact)"] = p_text(comparison.p_value)
    rows["difference, 95 % interval"] = f"{low:+.4f} to {high:+.4f}"
    stdout().print(pairs(rows, title=f"graph tokens on {target.numel()} test nodes"))
    return 0


def answers(args: argparse.Namespace) -> int:
    """Prints the metrics of free answers beside those of scored labels."""
    from hetgraph.cli.console import stdout, table
    from hetgraph.models.higpt.answers import free_answers, write_answers
    from hetgraph.runs.reopen import reopen

    run = reopen(args.folder, args.root)
    result = free_answers(run, limit=args.limit, max_new_tokens=args.tokens)
    if args.out:
        write_answers(args.out, result)
    title = f"answers about {len(result.said)} test nodes"
    columns = ("in words", "likeliest label")
    shown = table("metric", *columns, title=title, right=columns)
    for name, value in result.free.items():
        shown.add_row(name, f"{value:.4f}", f"{result.scored[name]:.4f}")
    stdout().print(shown)
    return 0


def instructions(args: argparse.Namespace) -> int:
    """Writes the instructions, with rationales if a style is given."""
    from hetgraph.cli.console import stdout
    from hetgraph.models.higpt.export import export_instructions
    from hetgraph.models.higpt.rationales import OpenAIProvider, TemplateProvider
    from hetgraph.optional import Package, demand
    from hetgraph.runs.reopen import reopen

    demand([Package("torch_geometric", "hetgraph[pyg]")])  # writes the graphs of the prompts
    provider = OpenAIProvider(args.url, args.teacher) if args.url else TemplateProvider()
    run = reopen(args.folder, args.root)
    count = export_instructions(run, args.split, args.out, style=args.style, provider=provider)
    stdout().print(f"{count} instructions written to {args.out}", markup=False, soft_wrap=True)
    return 0
