from __future__ import annotations

import gzip
import json
import multiprocessing
from pathlib import Path

import pytest

from hetgraph import renamed
from hetgraph.errors import DataError, FileFormatError
from hetgraph.files import OutputError
from hetgraph.leaderboards import record as module
from hetgraph.leaderboards.record import (
    RunRecord,
    append_record,
    config_hash,
    duplicates,
    read_records,
    record_file,
)
from hetgraph.renamed import Renamed


def test_round_trip_through_the_file(tmp_path: Path, make_record):
    written = [make_record(seed=seed) for seed in range(3)]
    for record in written:
        path = append_record(tmp_path / "results", record)
    assert path == tmp_path / "results" / "tiny.rphgnn.jsonl"
    assert read_records(tmp_path / "results", "tiny") == written
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert line["schema"] == module.SCHEMA
    assert line["data_sha256"] == "ab" * 32
    assert line["environment"]["torch"] == "2.13.0"
    assert line["recorded"].endswith("+00:00")


def test_files_that_the_wheel_compresses_are_read_as_well(tmp_path: Path, make_record):
    plain = [append_record(tmp_path, make_record(model=model)) for model in ("hgt", "mlp")]
    before = read_records(tmp_path, "tiny")
    packed = tmp_path / f"{plain[0].name}.gz"
    packed.write_bytes(gzip.compress(plain[0].read_bytes()))
    plain[0].unlink()
    assert read_records(tmp_path, "tiny") == before
    for damaged in (packed.read_bytes()[:-9], b"no gzip"):
        packed.write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"hgt\.jsonl\.gz: not a whole gzip file"):
            read_records(tmp_path, "tiny")


def test_earlier_lines_are_never_rewritten(tmp_path: Path, make_record):
    path = append_record(tmp_path, make_record(seed=0))
    before = path.read_bytes()
    append_record(tmp_path, make_record(seed=0))
    assert path.read_bytes().startswith(before)
    assert len(path.read_bytes()) > len(before)


def test_no_folder_means_no_records(tmp_path: Path):
    assert read_records(tmp_path / "absent", "tiny") == []


def test_records_of_other_benchmarks_are_not_read(tmp_path: Path, make_record):
    append_record(tmp_path, make_record(benchmark="other"))
    append_record(tmp_path, make_record(benchmark="tiny-two"))
    assert read_records(tmp_path, "tiny") == []


def test_seed_is_not_part_of_the_configuration(make_record):
    first = make_record(seed=0, config={"model": {"a": 1}, "seeds": {"init": 0}})
    second = make_record(seed=1, config={"seeds": {"init": 1}, "model": {"a": 1}})
    third = make_record(seed=1, config={"model": {"a": 2}, "seeds": {"init": 1}})
    assert first.config_sha256 == second.config_sha256 != third.config_sha256
    assert first.identity != second.identity


def test_config_hash_ignores_the_order_of_keys_only():
    assert config_hash({"a": 1, "b": [1, 2]}) == config_hash({"b": [1, 2], "a": 1})
    assert config_hash({"a": 1, "b": [1, 2]}) != config_hash({"a": 1, "b": [2, 1]})


def test_duplicates_are_counted_by_identity(make_record):
    records = [make_record(seed=0), make_record(seed=0), make_record(seed=1)]
    records.append(make_record(seed=1, version="0.2.0"))
    assert duplicates(records) == {records[0].identity: 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": {"train": {}}}, "metrics.test is missing"),
        ({"metrics": {"test": {"micro_f1": float("nan")}}}, "micro_f1 is nan"),
        ({"metrics": {"test": {"micro_f1": "0.9"}}}, "micro_f1 is '0.9'"),
        ({"seed": "0"}, "seed is '0', expected an integer"),
        ({"seconds": {"fit": -1.0}}, "seconds.fit is -1.0"),
        ({"parameters": "many"}, "parameters is 'many'"),
        ({"data_sha256": ""}, "data_sha256 is ''"),
    ],
)
def test_invalid_results_are_refused(make_record, changes, message: str):
    with pytest.raises(DataError, match=message):
        make_record(**changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"model": {"hidden": 65}}}, "config_sha256 does not belong to config"),
        ({"schema": 99}, "schema is 99"),
        ({"surprise": 1}, "key 'surprise' is unknown"),
        ({"benchmark": "other"}, "belongs to benchmark 'other'"),
        ({"metrics": None}, "metrics is not a mapping"),
    ],
)
def test_edited_lines_are_found_by_number(tmp_path: Path, make_record, change, message: str):
    append_record(tmp_path, make_record(seed=0))
    path = append_record(tmp_path, make_record(seed=1))
    first, second = path.read_text(encoding="utf-8").splitlines()
    edited = json.dumps({**json.loads(second), **change})
    path.write_text(f"{first}\n{edited}\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match=message) as caught:
        read_records(tmp_path, "tiny")
    assert f"{path}:2" in str(caught.value)


def test_missing_keys_and_torn_lines_are_found(tmp_path: Path, make_record):
    path = append_record(tmp_path, make_record())
    text = path.read_text(encoding="utf-8")
    for broken, message in ((text[:100], "not a JSON object"), ("[1]\n", "expected a JSON object")):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(FileFormatError, match=message):
            read_records(tmp_path, "tiny")
    values = json.loads(text)
    del values["version"]
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(FileFormatError, match="key 'version' is missing"):
        read_records(tmp_path, "tiny")


def test_unwritable_folder_is_one_clear_line(tmp_path: Path, make_record):
    (tmp_path / "results").write_text("a file in the way")
    with pytest.raises(OutputError, match=r"cannot append to .*results"):
        append_record(tmp_path / "results", make_record())


def test_a_failed_append_leaves_the_file_as_it_was(tmp_path: Path, make_record, monkeypatch):
    path = append_record(tmp_path, make_record(seed=0))
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        append_record(tmp_path, make_record(seed=1))
    assert path.read_bytes() == before


def test_a_short_write_is_taken_back(tmp_path: Path, make_record):
    """A file size limit makes the kernel write a part of the line only."""
    resource = pytest.importorskip("resource")
    path = append_record(tmp_path, make_record(seed=0))
    size = path.stat().st_size
    process = multiprocessing.get_context("fork").Process(
        target=_append_limited, args=(resource, tmp_path, make_record(seed=1), size + 50)
    )
    process.start()
    process.join()
    assert process.exitcode == 42
    assert path.stat().st_size == size


def _append_limited(resource, folder: Path, record: RunRecord, limit: int) -> None:
    import os
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        append_record(folder, record)
    except OutputError:
        os._exit(42)
    os._exit(0)


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path, make_record):
    context = multiprocessing.get_context("fork")
    records = [[make_record(seed=100 * p + i) for i in range(25)] for p in range(4)]
    processes = [context.Process(target=_append_all, args=(tmp_path, part)) for part in records]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    records_read = read_records(tmp_path, "tiny")
    assert sorted(r.seed for r in records_read) == sorted(r.seed for part in records for r in part)


def _append_all(folder: Path, records: list[RunRecord]) -> None:
    for record in records:
        append_record(folder, record)


def test_file_name_is_by_benchmark_and_model(tmp_path: Path):
    assert record_file(tmp_path, "b", "m").name == "b.m.jsonl"


def test_renamed_settings_keep_the_identity_of_old_records(
    tmp_path: Path, make_record, monkeypatch: pytest.MonkeyPatch
):
    """The file stays as it is; the record is that of a run of today, and its hash is checked."""
    old = make_record(config={"model": {"width": 8}}, overrides={"model": {"width": 8}})
    new = make_record(config={"model": {"dim": 8}}, overrides={"model": {"dim": 8}})
    path = append_record(tmp_path, old)
    before = path.read_bytes()
    assert read_records(tmp_path, "tiny")[0].identity == old.identity != new.identity
    table = (Renamed("model.width", "model.dim", methods=("rphgnn",)),)
    monkeypatch.setattr(renamed, "RENAMED", table)
    (read,) = read_records(tmp_path, "tiny")
    assert read.identity == new.identity
    assert read.overrides == {"model": {"dim": 8}}
    assert path.read_bytes() == before
    path.write_bytes(before.replace(b'"config": {"model": {"width": 8}', b'"config": {"a": {}'))
    with pytest.raises(FileFormatError, match="config_sha256 does not belong to config"):
        read_records(tmp_path, "tiny")
