from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hetgraph.errors import ConfigError
from hetgraph.files import OutputError
from hetgraph.train.loggers import JsonlLogger, make_loggers

ROW = {"stage": "fit", "epoch": 1, "lr": 0.1, "train": {"loss": 0.5}, "valid": {"micro_f1": 0.25}}


def test_rows_are_on_disk_at_once(tmp_path):
    logger = JsonlLogger(tmp_path / "new" / "log")
    logger.log(ROW, 1)
    assert json.loads((tmp_path / "new" / "log").read_text()) == ROW
    logger.close()


@pytest.mark.parametrize(("keep", "expected"), [(0, []), (2, [0, 1]), (9, [0, 1, 2])])
def test_rows_after_the_checkpoint_are_cut_off(tmp_path, keep, expected):
    path = tmp_path / "log"
    path.write_text("".join(f'{{"epoch": {i}}}\n' for i in range(3)) + '{"epoch": 3')
    if keep == 9:
        path.write_text("".join(f'{{"epoch": {i}}}\n' for i in range(3)))
    logger = JsonlLogger(path, keep=keep)
    logger.log({"epoch": 99}, 1)
    logger.close()
    assert [json.loads(x)["epoch"] for x in path.read_text().splitlines()] == [*expected, 99]


def test_a_log_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        JsonlLogger(tmp_path / "file" / "log")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_one_clear_line():
    logger = JsonlLogger(Path("/dev/full"))
    with pytest.raises(OutputError, match="cannot write /dev/full: the disk is full"):
        logger.log(ROW, 1)
    logger.close()


def test_tensorboard_gets_every_number(tmp_path):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    loggers = make_loggers(tmp_path, None, 0)
    assert len(loggers) == 2
    for logger in loggers:
        logger.log(ROW, 1)
        logger.close()
    events = event_accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == {"fit/lr", "fit/train/loss", "fit/valid/micro_f1"}
    assert events.Scalars("fit/valid/micro_f1")[0].value == 0.25


def test_missing_tensorboard_is_skipped_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert len(make_loggers(tmp_path, None, 0)) == 1
    assert len(make_loggers(tmp_path, False, 0)) == 1
    with pytest.raises(ConfigError, match="TensorBoard is not installed; install it with"):
        make_loggers(tmp_path, True, 0)


def test_no_folder_no_logs():
    assert make_loggers(None, True, 0) == []
