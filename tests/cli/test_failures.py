from __future__ import annotations

import errno
import io
import os

import pytest

from hetgraph.cli import failures
from hetgraph.errors import ConfigError


def told(error: BaseException, *, debug: bool = False) -> tuple[int, str]:
    stream = io.StringIO()
    try:
        raise error
    except BaseException as raised:
        code = failures.report(raised, debug=debug, stream=stream)
    return code, stream.getvalue()


def test_a_user_error_is_one_line_and_2() -> None:
    code, text = told(ConfigError("lr is -1,\n  expected\ta positive number."))
    assert (code, text) == (2, "hetgraph: error: lr is -1, expected a positive number.\n")


def test_debug_adds_the_traceback() -> None:
    code, text = told(ConfigError("lr is -1."), debug=True)
    assert code == 2
    assert text.startswith("Traceback")
    assert text.endswith("hetgraph: error: lr is -1.\n")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_refusal_of_the_system_is_the_users_to_mend(code: int) -> None:
    status, text = told(OSError(code, os.strerror(code), "/some/where"))
    assert status == 2
    assert text.startswith("hetgraph: error: /some/where: ")
    assert text.count("\n") == 1


def test_a_full_disk_told_by_another_library_is_recognised() -> None:
    status, text = told(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert status == 2
    assert "disk is full" in text


def test_any_other_exception_is_a_fault_with_its_traceback() -> None:
    code, text = told(ZeroDivisionError("division by zero"))
    assert code == 1
    assert text.startswith("Traceback")
    assert text.endswith("hetgraph: internal fault: ZeroDivisionError: division by zero\n")


def test_ctrl_c_is_130() -> None:
    assert told(KeyboardInterrupt()) == (130, "hetgraph: interrupted\n")
