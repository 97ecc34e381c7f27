from __future__ import annotations

import os
import signal
import threading

import pytest

from hetgraph.train.interrupt import DeferredInterrupt, term_as_interrupt


def _press(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_waits_and_the_second_acts(number):
    before = signal.getsignal(number)
    interrupt = DeferredInterrupt()
    with interrupt:
        assert not interrupt.requested
        _press(number)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            _press(number)
    assert signal.getsignal(number) is before
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


def test_term_is_ctrl_c_where_nobody_else_handles_it():
    before = signal.getsignal(signal.SIGTERM)
    assert before is signal.SIG_DFL
    with pytest.raises(KeyboardInterrupt), term_as_interrupt():
        _press(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    received = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with term_as_interrupt():
            _press(signal.SIGTERM)
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
