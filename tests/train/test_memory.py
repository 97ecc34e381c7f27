from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hetgraph.train.memory import PeakMemory

MIB = 2**20


def _use(mib):
    block = torch.ones(mib * MIB // 4)
    return float(block.sum())


def _resets_marks():
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def test_a_block_notices_its_own_peak():
    with PeakMemory() as idle:
        pass
    with PeakMemory() as busy:
        _use(200)
    assert busy.resident_bytes >= idle.resident_bytes + 150 * MIB or not _resets_marks()
    assert busy.cuda_bytes == 0


@pytest.mark.skipif(not _resets_marks(), reason="the system cannot reset the mark")
def test_an_earlier_peak_is_not_counted():
    with PeakMemory() as first:
        _use(200)
    with PeakMemory() as second:
        _use(1)
    assert second.resident_bytes <= first.resident_bytes - 150 * MIB


@pytest.mark.skipif(not _resets_marks(), reason="the system cannot reset the mark")
def test_blocks_in_blocks_do_not_take_their_peaks_away():
    with PeakMemory() as outer:
        _use(200)
        with PeakMemory() as inner:
            _use(20)
    assert outer.resident_bytes >= inner.resident_bytes + 100 * MIB
    with PeakMemory() as outer:
        with PeakMemory() as inner:
            _use(200)
        _use(1)
    assert outer.resident_bytes >= inner.resident_bytes


def test_marks_exist_without_proc(monkeypatch):
    monkeypatch.setattr("hetgraph.train.memory._STATUS", Path("/nowhere"))
    monkeypatch.setattr("hetgraph.train.memory._CLEAR", Path("/nowhere/at/all"))
    with PeakMemory() as block:
        pass
    assert block.resident_bytes > 10 * MIB
