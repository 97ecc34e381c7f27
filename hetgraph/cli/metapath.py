"""`hetgraph metapath DATASET PATH`: estimates the size of a meta-path, then builds it."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from hetgraph.cli.options import add_root
from hetgraph.cli.parser import Commands

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from hetgraph.data import HeteroGraph
    from hetgraph.metapaths.report import CompositionEstimate, CompositionReport

_PREVIEW_ROWS, _PREVIEW_NEIGHBOURS = 5, 6


def add_command(commands: Commands) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "metapath",
        help="estimate, build and preview a meta-path",
        description="Estimates how many pairs of nodes a meta-path connects, then builds it and\n"
        "counts them.",
        epilog="examples:\n"
        '  hetgraph metapath synthetic/academic "author-paper-author"\n'
        '  hetgraph metapath hgb/DBLP "author -writes> paper <writes- author" --weighting pathsim',
    )
    add = parser.add_argument
    add("dataset", metavar="DATASET", help="collection/name, or format:path")
    add("path", metavar="PATH", help="node types joined by '-', or the name of a meta-path")
    add(
        "--weighting",
        choices=("binary", "count", "pathsim", "row"),
        default="binary",
        help="value of a pair: 0 or 1, number of path instances, PathSim, random-walk probability",
    )
    add("--no-self-loops", action="store_true", help="remove pairs of a node with itself")
    add(
        "--budget",
        default="2GiB",
        metavar="SIZE",
        help="maximum memory for building it (default: 2GiB)",
    )
    add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the estimate, the counts and a preview of one meta-path."""
    from hetgraph.catalog.loading import load_dataset
    from hetgraph.cli.console import pairs, stdout
    from hetgraph.metapaths.registry import resolve_metapaths
    from hetgraph.metapaths.report import compose_report

    dataset = load_dataset(args.dataset, args.root)
    graph = dataset.graph
    metapaths = resolve_metapaths(graph, dataset.name, [args.path], declared=dataset.metapaths)
    console = stdout()
    for name, path in metapaths.items():
        title = str(path) if str(path) == name else f"{name}: {path}"
        heading = f"{title} on {dataset.name}, estimated"
        report = compose_report(
            graph,
            path,
            weighting=args.weighting,
            keep_self_loops=not args.no_self_loops,
            memory_budget=args.budget,
            on_estimate=partial(_print_estimate, console, heading),
        )
        console.print(pairs(_counted(report), title="built and counted"))
        console.print(_preview(graph, report))
    return 0


def _print_estimate(console: Console, heading: str, estimate: CompositionEstimate) -> None:
    from hetgraph.cli.console import pairs

    console.print(pairs(_estimated(estimate), title=heading))


def _estimated(estimate: CompositionEstimate) -> dict[str, object]:
    from hetgraph.metapaths.sizes import format_bytes

    error = f" ± {estimate.relative_error:.1%}" if estimate.relative_error else " (exact)"
    return {
        "size": f"{estimate.num_rows:,} x {estimate.num_cols:,} {_ends(estimate)}",
        "connected pairs (nnz)": f"{estimate.nnz:,.0f}{error}, at most {estimate.upper:,}",
        "path instances": f"{estimate.instances:,.0f}",
        "density": f"{estimate.density:.3%}",
        "memory": f"{format_bytes(estimate.result_bytes)}, "
        f"{format_bytes(estimate.peak_bytes)} while it is built",
        "multiplications": f"{estimate.terms:,.0f} in the order {estimate.order}",
        "seconds": f"{estimate.seconds:.2f}",
    }


def _counted(report: CompositionReport) -> dict[str, object]:
    from hetgraph.metapaths.sizes import format_bytes

    loops = report.self_loops
    facts: dict[str, object] = {
        "size": f"{report.relation.num_rows:,} x {report.relation.num_cols:,}",
        "connected pairs (nnz)": f"{report.nnz:,} (estimate {report.deviation:+.1%})",
        "self loops": None if loops is None else f"{loops:,}",
        "density": f"{report.density:.3%}",
        "memory": format_bytes(report.relation.nbytes),
        "neighbours of a node": " / ".join(f"{degree:,}" for degree in report.degree_quartiles)
        + "  (min / 25 % / median / 75 % / max)",
        "without any": f"{report.empty_rows:,} of {report.estimate.path.end}, "
        f"{report.empty_cols:,} of {report.estimate.path.start}",
        "seconds": f"{report.seconds:.2f}",
    }
    return {key: value for key, value in facts.items() if value is not None}


def _ends(estimate: CompositionEstimate) -> str:
    return f"({estimate.path.end} x {estimate.path.start})"


def _preview(graph: HeteroGraph, report: CompositionReport) -> Table:
    """Returns a table of a few nodes that have neighbours, evenly spaced, and some of these."""
    from hetgraph.cli.console import plain, table

    path, relation = report.estimate.path, report.relation
    right = ("neighbours",)
    shown = table(path.end, "neighbours", f"the first of type {path.start}", right=right)
    filled = relation.degree.nonzero().flatten()
    for row in filled[:: max(1, filled.numel() // _PREVIEW_ROWS)][:_PREVIEW_ROWS].tolist():
        begin, end = relation.indptr[row : row + 2].tolist()
        first = relation.indices[begin : min(end, begin + _PREVIEW_NEIGHBOURS)].tolist()
        names = [_name(graph, path.start, node) for node in first]
        more = ", ..." if end - begin > len(first) else ""
        degree = f"{end - begin:,}"
        shown.add_row(plain(_name(graph, path.end, row)), degree, plain(", ".join(names) + more))
    return shown


def _name(graph: HeteroGraph, node_type: str, node: int) -> str:
    """Returns the text of a node, else its original id, else its number."""
    for known in (graph.text, graph.ids):
        if node_type in known:
            return str(known[node_type][node].as_py())[:40]
    return str(node)
