from __future__ import annotations

import os
import signal
import threading

import pytest

from hetgraph.train.interrupt import DeferredInterrupt


def _press():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_waits_and_the_second_acts():
    before = signal.getsignal(signal.SIGINT)
    interrupt = DeferredInterrupt()
    with interrupt:
        assert not interrupt.requested
        _press()
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            _press()
    assert signal.getsignal(signal.SIGINT) is before
    with interrupt:
        assert not interrupt.requested


def test_other_threads_install_no_handler():
    found = []

    def work():
        with DeferredInterrupt() as interrupt:
            found.append((signal.getsignal(signal.SIGINT), interrupt.requested))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(before, False)]


def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with DeferredInterrupt() as interrupt:
            _press()
            assert not interrupt.requested
    finally:
        signal.signal(signal.SIGINT, before)
