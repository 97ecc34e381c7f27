from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hetgraph import files
from hetgraph.errors import DataError
from hetgraph.files import (
    OutputError,
    atomic_dir,
    atomic_path,
    cache_folder,
    cache_root,
    explain_os_error,
    remembered_sha256,
    sha256_file,
)

LIMITED = """
import resource, sys
from pathlib import Path
import torch
from hetgraph.errors import UserError
from hetgraph.tensorfile import save_tensors
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save_tensors({"x": torch.zeros(100_000)}, sys.argv[1])
except UserError as error:
    sys.exit(str(error))
"""


def test_a_file_appears_with_its_content_and_the_usual_permissions(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.json"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".json"
        temporary.write_text("1")
        assert not target.exists()
    assert target.read_text() == "1"
    assert list(target.parent.iterdir()) == [target]
    plain = tmp_path / "plain"
    plain.write_text("")
    assert target.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def interrupted() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "old"


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("needs /dev/full")

    def write() -> None:
        with atomic_path(tmp_path / "a.bin") as temporary:
            temporary.symlink_to(full)
            temporary.write_bytes(b"1")

    with pytest.raises(OutputError, match=r"a\.bin: the disk is full; free some space"):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_refused_tensor_file_is_explained_and_removed(tmp_path: Path) -> None:
    target = tmp_path / "x.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(target)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "x.safetensors: the file is larger than the file system or a limit" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".tmp")] == []


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="a part of the path is a file"),
        atomic_path(tmp_path / "file" / "deeper" / "a.txt"),
    ):
        pass
    with (
        pytest.raises(OutputError, match="a file is in its place"),
        atomic_dir(tmp_path / "file"),
    ):
        pass


def test_an_error_about_an_input_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    def read_elsewhere() -> None:
        with atomic_path(tmp_path / "out" / "a.txt"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/secret/input")

    with pytest.raises(PermissionError):
        read_elsewhere()


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_dir(target) as temporary:
        (temporary / "config.json").write_text("{}")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["config.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_only_a_marked_folder_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(OutputError, match=r"not empty and has no config\.json"),
        atomic_dir(target, marker="config.json"),
    ):
        pass
    assert (target / "thesis.tex").exists()
    (target / "config.json").write_text("old")
    with atomic_dir(target, marker="config.json") as temporary:
        (temporary / "config.json").write_text("new")
    assert (target / "config.json").read_text() == "new"
    assert not (target / "thesis.tex").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failed_folder_keeps_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_dir(target) as temporary:
        (temporary / "config.json").write_text("old")

    def interrupted() -> None:
        with atomic_dir(target, marker="config.json") as temporary:
            (temporary / "config.json").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (target / "config.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_old_folder_returns_when_the_swap_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model"
    with atomic_dir(target) as temporary:
        (temporary / "config.json").write_text("old")
    rename = Path.rename

    def refuse(self: Path, other: Path) -> Path:
        if ".tmp" in self.name:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(other))
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", refuse)
    with (
        pytest.raises(OutputError, match="permission denied"),
        atomic_dir(target, marker="config.json"),
    ):
        pass
    assert (target / "config.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_linked_folder_is_replaced_behind_the_link(tmp_path: Path) -> None:
    real = tmp_path / "disk" / "model"
    with atomic_dir(real) as temporary:
        (temporary / "config.json").write_text("old")
    link = tmp_path / "link"
    link.symlink_to(real)
    with atomic_dir(link, marker="config.json") as temporary:
        (temporary / "config.json").write_text("new")
    assert link.is_symlink()
    assert (real / "config.json").read_text() == "new"


@pytest.mark.parametrize("size", [0, 1, 1000, 4096, 4097])
def test_sha256_of_a_file(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * 17
    path = tmp_path / "a"
    path.write_bytes(content[:size])
    assert sha256_file(path, block_bytes=1024) == hashlib.sha256(content[:size]).hexdigest()


def test_other_errors_are_left_alone() -> None:
    assert explain_os_error(RuntimeError("boom")) is None
    assert "full" in str(explain_os_error(RuntimeError("I/O error (os error 28) at path x")))


def test_digest_is_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = remembered_sha256(path)
    assert first == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(files, "sha256_file", lambda path: "computed again")
        assert remembered_sha256(path) == first
    path.write_bytes(b"two!")
    assert remembered_sha256(path) == hashlib.sha256(b"two!").hexdigest()
    status = path.stat()
    path.write_bytes(b"six!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as some editors and copies do
    assert remembered_sha256(path) == hashlib.sha256(b"six!").hexdigest()


def test_damaged_memo_and_unwritable_cache_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a"
    path.write_bytes(b"one")
    expected = remembered_sha256(path)
    for memo in (cache_root() / "verified").iterdir():
        memo.write_text("{")
    assert remembered_sha256(path) == expected
    monkeypatch.setenv("HETGRAPH_CACHE", str(path))  # A file: nothing can be written below it.
    assert remembered_sha256(path) == expected


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"cannot read {tmp_path / 'gone'}: No such file"):
        remembered_sha256(tmp_path / "gone")


def test_a_cache_folder_is_readable_and_one_per_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path))
    one, other = (cache_folder("experts", "heco/acm v2", digest * 16) for digest in "ab")
    assert one == tmp_path / "experts" / ("heco-acm-v2-" + "a" * 16)
    assert one != other
    assert len(cache_folder("experts", "x" * 500, "c" * 64).name) < 100
