from __future__ import annotations

import pytest

from hetgraph.train.config import TrainConfig
from hetgraph.train.saver import CheckpointSaver


class _Alone:
    is_main = True

    def any(self, *flags):
        return flags


class _State:
    def save(self, path):
        path.touch()


def test_cadence_by_batches_and_by_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    path = tmp_path / "c"

    def written(saver, **what):
        path.unlink(missing_ok=True)
        saver.offer(_State, **what)
        return path.exists()

    config = TrainConfig(checkpoint_seconds=None, checkpoint_batches=3)
    saver = CheckpointSaver(path, config, _Alone())
    assert [written(saver, batches=2) for _ in range(4)] == [False, True, False, True]
    saver = CheckpointSaver(path, TrainConfig(checkpoint_seconds=10.0), _Alone())
    now[0] = 9.9
    assert not written(saver, batches=1)
    now[0] = 10.0
    assert written(saver, batches=1)
    assert not written(saver, batches=1)
    with pytest.raises(KeyboardInterrupt):
        saver.offer(_State, interrupted=True)
    assert path.exists()
    nowhere = CheckpointSaver(None, TrainConfig(checkpoint_batches=1), _Alone())
    nowhere.offer(_State, batches=5)
