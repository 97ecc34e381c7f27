"""From a benchmark's YAML to the dataclasses of :mod:`hetgraph.leaderboards.spec`, strictly.

Every mistake names the file and the place, such as ``published[3].results.hgb/DBLP.micro_f1``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from hetgraph.errors import ConfigError, suggest
from hetgraph.leaderboards.node import Loader, Node
from hetgraph.leaderboards.spec import (
    Benchmark,
    Cell,
    DatasetSpec,
    Metric,
    OwnRow,
    Paired,
    PublishedRow,
    Rule,
    Source,
    Variant,
)

__all__ = ["parse_benchmark"]

_NUMBER = r"(\d+(?:\.\d+)?)"
_VALUE = re.compile(rf"^{_NUMBER}\s*(?:(?:±|\+-|\+/-)\s*{_NUMBER})?$")
_TOP = (
    *("name", "title", "summary", "unit", "protocol", "metrics", "rank_by", "variants"),
    *("settings", "verdict", "datasets", "sources", "published", "rows", "paired"),
)
_ROW = (
    *("model", "ours", "source", "labels", "test", "runs", "assumed_runs", "results"),
    *("parameters", "notes", "not_run"),
)


def parse_benchmark(path: Path) -> Benchmark:
    """Reads one benchmark file.

    Raises:
        ConfigError: If the YAML or a declaration in it is not valid.
    """
    try:
        with path.open(encoding="utf-8") as file:
            raw = yaml.load(file, Loader=Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    top = Node(raw, "top", path).only(_TOP)
    unit = top.choice("unit", ("percent", "raw"))
    scale = 100.0 if unit == "percent" else 1.0
    metrics = {key: _metric(key, node) for key, node in top.child("metrics").children()}
    datasets = {
        key: _dataset(key, node, metrics, scale) for key, node in top.child("datasets").children()
    }
    sources = {key: _source(key, node) for key, node in top.child("sources").children()}
    rule = _rule(top.child("verdict"))
    published = tuple(
        _row(Node(row, f"published[{i}]", path), datasets, sources, rule, scale)
        for i, row in enumerate(top.get("published", list))
    )
    own = [Node(row, f"rows[{i}]", path) for i, row in enumerate(top.get("rows", list, []))]
    further = tuple(_own_row(node, datasets) for node in own)
    titles = [row.model for row in published] + [row.label for row in further]
    if top.get("name", str) != path.stem:
        top.fail(f"name is {top.value['name']!r}, but the file is called {path.name}")
    return Benchmark(
        name=path.stem,
        title=top.get("title", str),
        summary=top.get("summary", str, ""),
        unit=unit,
        protocol=tuple(str(line) for line in top.get("protocol", list)),
        metrics=metrics,
        variants=_variants(top),
        datasets=datasets,
        sources=sources,
        rule=rule,
        rank_by=top.choice("rank_by", tuple(metrics), next(iter(metrics))),
        settings=top.get("settings", Mapping, {}),
        rows=further,
        paired=_paired(top.child("paired"), titles) if "paired" in top.value else None,
        published=published,
    )


def _metric(key: str, node: Node) -> Metric:
    node.only(("label", "part", "key", "better"))
    return Metric(
        name=key,
        label=node.get("label", str),
        part=node.choice("part", ("test", "valid"), "test"),
        key=node.get("key", str, key),
        higher_is_better=node.choice("better", ("higher", "lower"), "higher") == "higher",
    )


def _variants(top: Node) -> tuple[Variant, ...]:
    nodes = top.child("variants", {"full": {"label": "test"}}).children()
    if not nodes:
        top.fail("variants is empty; leave it out, or declare at least one")
    for _, node in nodes:
        node.only(("label", "suffix"))
    return tuple(
        Variant(key, node.get("label", str), node.get("suffix", str, "")) for key, node in nodes
    )


def _dataset(key: str, node: Node, metrics: Mapping[str, Metric], scale: float) -> DatasetSpec:
    node.only(("label", "metrics", "margins", "runnable", "note", "of", "settings"))
    names = tuple(node.get("metrics", list, list(metrics)))
    margins = {}
    for name in names:
        if name not in metrics:
            node.fail(f"metric {name!r} is not declared.{suggest(name, metrics)}".rstrip("."))
        margin = node.child("margins").get(name, (int, float))
        if margin <= 0:
            node.fail(f"the margin of {name} must be positive, found {margin}")
        margins[name] = margin / scale
    return DatasetSpec(
        name=key,
        label=node.get("label", str, key),
        metrics=names,
        margins=margins,
        runnable=node.get("runnable", bool, True),
        note=node.get("note", str, ""),
        of=node.get("of", str, ""),
        settings=node.get("settings", Mapping, {}),
    )


def _source(key: str, node: Node) -> Source:
    node.only(("title", "url", "note"))
    return Source(key, node.get("title", str), node.get("url", str), node.get("note", str, ""))


def _rule(node: Node) -> Rule:
    node.only(("alpha", "min_runs", "assumed_runs", "margin_reason"))
    rule = Rule(
        alpha=node.get("alpha", float),
        min_runs=node.get("min_runs", int),
        assumed_runs=node.get("assumed_runs", int),
        margin_reason=node.get("margin_reason", str).strip(),
    )
    if not 0 < rule.alpha < 0.5:
        node.fail(f"alpha must lie in (0, 0.5), found {rule.alpha}")
    if min(rule.min_runs, rule.assumed_runs) < 2:
        node.fail("min_runs and assumed_runs must be at least 2: one run has no spread")
    return rule


def _own_row(node: Node, datasets: Mapping[str, DatasetSpec]) -> OwnRow:
    node.only(("label", "model", "settings", "datasets"))
    chosen = node.get("datasets", list, None)
    for key in chosen or ():
        if key not in datasets:
            node.fail(f"dataset {key!r} is not declared.{suggest(str(key), datasets)}".rstrip("."))
    return OwnRow(
        label=node.get("label", str),
        model=node.get("model", str),
        settings=node.get("settings", Mapping, {}),
        datasets=None if chosen is None else tuple(chosen),
    )


def _paired(node: Node, titles: Sequence[str]) -> Paired:
    node.only(("against", "period"))
    period = node.get("period", int, None)
    if period is not None and period < 2:
        node.fail(f"period is {period}, expected at least 2: one pair has no spread")
    return Paired(node.choice("against", titles), period)


def _row(
    node: Node,
    datasets: Mapping[str, DatasetSpec],
    sources: Mapping[str, Source],
    rule: Rule,
    scale: float,
) -> PublishedRow:
    node.only(_ROW)
    if "runs" in node.value and "assumed_runs" in node.value:
        node.fail("give runs (established) or assumed_runs, not both")
    results = {}
    given = node.get("results", Mapping)
    for key in given:
        if key not in datasets:
            node.fail(f"dataset {key!r} is not declared.{suggest(key, datasets)}".rstrip("."))
        value = given[key]
        if value in ("oom", "unknown"):
            value = dict.fromkeys(datasets[key].metrics, value)
        where = Node(value, f"{node.where}.results.{key}", node.path)
        results[key] = _cells(where, node.get("source", str), datasets[key], sources, scale)
    return PublishedRow(
        model=node.get("model", str),
        ours=node.get("ours", str, None),
        source=node.get("source", str),
        labels=node.choice("labels", ("free", "used", "unknown")),
        test=node.choice("test", ("full", "half", "unknown"), "unknown"),
        runs=node.get("runs", int, node.get("assumed_runs", int, rule.assumed_runs)),
        runs_assumed="runs" not in node.value,
        results=results,
        parameters=node.get("parameters", int, None),
        notes=node.get("notes", str, "").strip(),
        not_run=node.get("not_run", str, ""),
    )


def _cells(
    node: Node,
    source: str,
    dataset: DatasetSpec,
    sources: Mapping[str, Source],
    scale: float,
) -> dict[str, Cell]:
    node.only((*dataset.metrics, "sources"))
    own = node.get("sources", Mapping, {})
    cells = {}
    for metric in (name for name in dataset.metrics if name in node.value):
        key = own.get(metric, source)
        if key not in sources:
            node.fail(f"source {key!r} is not declared.{suggest(str(key), sources)}".rstrip("."))
        text = str(node.value[metric]).strip()
        if text in ("oom", "unknown"):
            cells[metric] = Cell(status=text, source=key)  # type: ignore[arg-type]
            continue
        match = _VALUE.match(text)
        if match is None:
            node.fail(f"{metric} is {text!r}, expected 'mean ± std', 'oom' or 'unknown'")
        mean, std = match.groups()
        if scale == 100.0 and float(mean) > 100.0:
            node.fail(f"{metric} is {text!r}: more than 100 percent")
        std = None if std is None else float(std) / scale
        cells[metric] = Cell("value", key, float(mean) / scale, std)
    return cells
