from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.leaderboards import load_benchmark
from hetgraph.leaderboards.board import build_boards
from hetgraph.leaderboards.code import code_digest
from hetgraph.leaderboards.columns import table_columns
from hetgraph.leaderboards.record import RunRecord
from hetgraph.leaderboards.text import board_remarks


def _row(board, title: str):
    return next(row for row in board.rows if row.title == title)


def _records(make_record, count: int = 5, **changes):
    return [
        make_record(seed=s, micro=0.955 + 0.001 * (s % 3), macro=0.952 - 0.001 * (s % 2), **changes)
        for s in range(count)
    ]


def test_without_records_nothing_is_run(tiny: Path):
    boards = build_boards(load_benchmark(tiny), [])
    assert [board.dataset.label for board in boards] == ["DBLP", "IMDB", "Freebase"]
    for board in boards:
        assert board.notes == ()
        for row in board.rows:
            assert row.verdicts["full"] == "not run"


def test_our_runs_meet_their_published_row(tiny: Path, make_record):
    dblp, imdb, _ = build_boards(load_benchmark(tiny), _records(make_record))
    row = _row(dblp, "RpHGNN")
    assert row.samples["full", "micro_f1"].n == 5
    assert row.verdicts == {"full": "reproduced"}  # no half-test metrics in these records
    assert row.comparisons["full", "micro_f1"].p_equivalence < 0.05
    assert _row(dblp, "Other | one").verdicts["full"] == "not run"
    assert _row(imdb, "RpHGNN").verdicts["full"] == "not run"


def test_half_test_scores_get_their_own_comparison(tiny: Path, make_record):
    def metrics(s: int) -> dict[str, dict[str, float]]:
        low = 0.90 + 0.001 * s
        full = {"micro_f1": 0.9555, "macro_f1": 0.9523}
        return {"test": {**full, "micro_f1_half": low, "macro_f1_half": low}}

    records = [make_record(seed=s, metrics=metrics(s)) for s in range(5)]
    dblp = build_boards(load_benchmark(tiny), records)[0]
    assert _row(dblp, "RpHGNN").verdicts == {"full": "reproduced", "half": "worse"}


def test_a_full_test_row_is_not_compared_with_the_half(tiny: Path, make_record):
    text = tiny.read_text(encoding="utf-8")
    tiny.write_text(text.replace("labels: free", "labels: free\n    test: full"), encoding="utf-8")
    metrics = {"test": {"micro_f1": 0.9555, "macro_f1": 0.9523, "micro_f1_half": 0.9}}
    records = [make_record(seed=s, metrics=metrics) for s in range(5)]
    row = _row(build_boards(load_benchmark(tiny), records)[0], "RpHGNN")
    assert set(row.verdicts) == {"full"}
    assert row.samples["half", "micro_f1"].mean == pytest.approx(0.9)


def test_metrics_without_published_value_are_left_out_of_the_verdict(tiny: Path, make_record):
    records = [
        make_record(seed=s, dataset="hgb/IMDB", micro=0.6977 + 0.001 * s, macro=0.1)
        for s in range(5)
    ]
    imdb = build_boards(load_benchmark(tiny), records)[1]
    row = _row(imdb, "RpHGNN")
    assert ("full", "macro_f1") not in row.comparisons
    assert row.verdicts["full"] == "reproduced"


def test_few_seeds_are_undecided(tiny: Path, make_record):
    dblp = build_boards(load_benchmark(tiny), _records(make_record, count=4))[0]
    assert _row(dblp, "RpHGNN").verdicts["full"] == "undecided"


def test_overridden_and_unpublished_models_get_rows_without_verdict(tiny: Path, make_record):
    records = [
        make_record(overrides={"model": {"hidden": 8}}),
        make_record(model="hgt"),
    ]
    dblp = build_boards(load_benchmark(tiny), records)[0]
    titles = {row.title for row in dblp.rows}
    assert {"rphgnn (model.hidden=8)", "hgt"} <= titles
    assert _row(dblp, "hgt").verdicts == {}
    assert _row(dblp, "rphgnn (model.hidden=8)").verdicts == {}
    assert _row(dblp, "RpHGNN").group is None


def test_rows_are_ranked_by_our_value_first(tiny: Path, make_record):
    plain = build_boards(load_benchmark(tiny), [])[0]
    assert [row.title for row in plain.rows] == ["Other | one", "RpHGNN"]
    high = [make_record(seed=s, micro=0.99) for s in range(5)]
    assert build_boards(load_benchmark(tiny), high)[0].rows[0].title == "RpHGNN"


def test_notes_name_what_a_reader_must_know(tiny: Path, make_record):
    records = _records(make_record, recorded="2026-01-03T00:00:00+00:00")
    records.append(make_record(seed=0, recorded="2026-01-02T00:00:00+00:00"))
    records.append(make_record(seed=0, version="0.0.9", recorded="2026-01-01T00:00:00+00:00"))
    records[0] = make_record(
        seed=0,
        environment={"torch": "1"},
        metrics={"test": {"micro_f1": 0.955}},
        recorded="2026-01-03T00:00:00+00:00",
    )
    notes = "\n".join(build_boards(load_benchmark(tiny), records)[0].notes)
    assert "seeds 0, 1, 2, 3, 4; hetgraph 0.1.0" in notes
    assert "1 more records under another configuration" in notes
    assert "1 earlier records of the same runs" in notes
    assert "differ in their environment (cpu, torch)" in notes
    assert "only 4 of 5 records report macro_f1" in notes


@pytest.mark.parametrize("name", ["hgb-node-classification", "gtn-node-classification"])
def test_models_without_a_published_row_have_one_of_their_own(name: str, make_record):
    benchmark = load_benchmark(name)
    dataset = next(iter(benchmark.datasets))
    unpaired = ("mlp", "latte" if name.startswith("hgb") else "rgcn")
    records = [
        make_record(benchmark=name, model=model, dataset=dataset, seed=seed, macro=0.9 + seed / 1e3)
        for model in unpaired
        for seed in range(5)
    ]
    board = build_boards(benchmark, records)[0]
    for model in unpaired:
        row = _row(board, model)
        assert row.published is None
        assert row.samples["full", "macro_f1"].mean == pytest.approx(0.902)
        assert row.verdicts == {}


def test_runs_meet_a_published_row_without_numbers(make_record):
    name = "gtn-node-classification"
    records = [
        make_record(benchmark=name, model="latte", dataset="gtn/ACM", seed=seed, macro=0.92)
        for seed in range(5)
    ]
    board = build_boards(load_benchmark(name), records)[0]
    row = _row(board, "LATTE")
    assert row.samples["full", "macro_f1"].n == 5
    assert row.comparisons == {}
    assert row.verdicts == {}
    assert board.rows.index(row) < board.rows.index(_row(board, "GTN (CogDL)"))


def test_further_rows_have_their_own_title_and_are_compared_in_pairs(tiny: Path, make_record):
    text = """
rows:
  - {label: Wide, model: rphgnn, settings: {model: {hidden: 128}}}
paired: {against: RpHGNN}
"""
    tiny.write_text(tiny.read_text() + text, encoding="utf-8")
    benchmark = load_benchmark(tiny)
    plain, wide = [0.95, 0.96, 0.94], [0.97, 0.97, 0.96]
    records = [make_record(seed=i, micro=value) for i, value in enumerate(plain)]
    changed = {"model": {"hidden": 128}}
    records += [
        make_record(seed=i, micro=v, overrides=changed, config={"model": {"hidden": 128}})
        for i, v in enumerate(wide)
    ]
    board = build_boards(benchmark, records)[0]
    rows = {row.title: row for row in board.rows}
    assert rows["RpHGNN"].paired == {}
    assert rows["Wide"].paired["micro_f1"].difference == pytest.approx(0.05 / 3)
    assert rows["Wide"].paired["micro_f1"].pairs == 3
    column = next(column for column in table_columns(board) if column.key == "paired")
    assert column.heading == "vs. RpHGNN: Micro-F1"
    assert column.value(rows["Wide"]).text == "+1.67 ± 0.33, p = 0.038"
    assert any(note.startswith("Wide: seeds 0, 1, 2") for note in board.notes)


def test_a_row_names_its_settings_on_its_own_datasets_alone(tiny: Path, make_record):
    text = "\nrows:\n" + "".join(
        f"  - {{label: Wide, model: rphgnn, settings: {{model: {{hidden: {width}}}}}, "
        f"datasets: [hgb/{name}]}}\n"
        for name, width in (("DBLP", 128), ("IMDB", 64))
    )
    tiny.write_text(tiny.read_text() + text, encoding="utf-8")
    records = []
    for width in (64, 128):
        changed = {"model": {"hidden": width}}
        records.append(make_record(seed=0, micro=0.9, overrides=changed, config=changed))
    board = build_boards(load_benchmark(tiny), records)[0]
    assert board.dataset.name == "hgb/DBLP"
    titles = [row.title for row in board.rows]
    assert "Wide" in titles
    assert "rphgnn (model.hidden=64)" in titles


def test_rows_of_older_code_are_marked_and_newer_ones_wait(tiny: Path, make_record):
    old = _records(make_record, recorded="2026-01-01T00:00:00+00:00")
    new = _records(make_record, count=5, code="abc", recorded="2026-01-02T00:00:00+00:00")

    def board(records):
        def is_current(record) -> bool:
            return record.code.get("total") == "abc"

        return build_boards(load_benchmark(tiny), records, is_current)[0]

    few = board([*old, *new[:4]])
    row = _row(few, "RpHGNN")
    assert row.samples["full", "micro_f1"].n == 5
    assert row.marked_title == "RpHGNN †"
    assert _row(few, "Other | one").marked_title == "Other | one"
    assert any(
        "4 of them are of newer code; they are shown once there are 5." in n for n in few.notes
    )
    assert any(remark.startswith("† ") for remark in board_remarks(few))
    assert table_columns(few)[0].value(row).text == "RpHGNN †"
    enough = board([*old, *new])
    assert _row(enough, "RpHGNN").marked_title == "RpHGNN"
    assert any("code abc" in note for note in enough.notes)
    assert not any(remark.startswith("† ") for remark in board_remarks(enough))


def test_records_are_compared_with_the_code_at_hand(tiny: Path, make_record):
    code = code_digest("rphgnn", "hetgraph.tasks.node_classification")
    records = [RunRecord.from_dict({**r.to_dict(), "code": code}) for r in _records(make_record)]
    board = build_boards(load_benchmark(tiny), records)[0]
    assert _row(board, "RpHGNN").marked_title == "RpHGNN"
    board = build_boards(load_benchmark(tiny), _records(make_record))[0]
    assert _row(board, "RpHGNN").marked_title == "RpHGNN †"


ROWS = """
rows:
  - {label: Wide, model: rphgnn, settings: {model: {hidden: 128}}}
  - {label: Narrow, model: rphgnn, settings: {model: {hidden: 4}}}
  - {label: Wide and refit, model: rphgnn, settings: {model: {hidden: 128}, train: {refit: true}}}
paired: {against: RpHGNN}
"""


def test_refit_has_rows_of_its_own_without_a_verdict(tiny: Path, make_record):
    refit, wide = {"train": {"refit": True}}, {"model": {"hidden": 128}}
    variants = {
        "RpHGNN": ({}, {}),
        "rphgnn (refit)": (refit, refit),
        "rphgnn (model.hidden=8, refit)": ({**refit, "model": {"hidden": 8}}, refit),
        "rphgnn (train.lr=1.0, refit)": ({"train": {"refit": True, "lr": 1.0}}, refit),
        "Wide": (wide, wide),
        "Wide and refit": ({**wide, **refit}, {**wide, **refit}),
        "Narrow (refit)": ({"model": {"hidden": 4}, **refit}, refit),
    }
    tiny.write_text(tiny.read_text(encoding="utf-8") + ROWS, encoding="utf-8")
    records = [
        make_record(seed=seed, micro=0.92 + number / 100, overrides=overrides, config=config)
        for number, (overrides, config) in enumerate(variants.values())
        for seed in range(5)
    ]
    board = build_boards(load_benchmark(tiny), records)[0]
    for number, title in enumerate(variants):
        row = _row(board, title)
        assert row.samples["full", "micro_f1"].mean == pytest.approx(0.92 + number / 100)
        assert bool(row.verdicts) == (title == "RpHGNN")
    assert _row(board, "Wide").paired
    assert not _row(board, "rphgnn (refit)").paired


def test_a_benchmark_whose_protocol_is_refit_pairs_with_published_rows(tiny: Path, make_record):
    text = tiny.read_text(encoding="utf-8")
    text = text.replace("task: {test: half}", "task: {test: half}\n  train: {refit: true}")
    tiny.write_text(text, encoding="utf-8")
    records = [
        make_record(seed=0, config={"train": {"refit": True}}, micro=0.9),
        make_record(seed=0, config={"train": {"refit": False}}, micro=0.8),
    ]
    board = build_boards(load_benchmark(tiny), records)[0]
    assert _row(board, "RpHGNN").samples["full", "micro_f1"].mean == 0.9
    assert _row(board, "rphgnn (no refit)").samples["full", "micro_f1"].mean == 0.8
