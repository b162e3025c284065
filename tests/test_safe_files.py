"""Whole-or-absent writes, refusals, free space."""

import errno
import os
import time
from collections import namedtuple

import pytest
from conftest import names

from utilities import safe_files
from utilities.errors import UserError
from utilities.safe_files import (
    BarredError,
    NoSpaceError,
    OutputExistsError,
    make_folder,
    refuse_existing,
    require_free_space,
    require_writable,
    whole_file,
    write_bytes_whole,
    write_text_whole,
)


def test_whole_file_replaces_at_the_end(tmp_path):
    path = tmp_path / "model.h5"
    path.write_text("old")
    with whole_file(path) as temporary:
        assert temporary.parent == tmp_path and temporary.name.startswith(".") and temporary.suffix == ".h5"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and names(tmp_path) == ["model.h5"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("begun", [True, False])
def test_whole_file_leaves_no_trace_of_a_failure(tmp_path, error, begun):
    path = tmp_path / "model.h5"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as temporary:
        if begun:
            temporary.write_text("half")
        raise error
    assert path.read_text() == "old" and names(tmp_path) == ["model.h5"]


def test_what_a_process_that_was_killed_left_is_removed_a_day_later(tmp_path):
    old, new, other = (tmp_path / f".{name}.txt" for name in ("a-0123abcd", "a-89abcdef", "ab-0123abcd"))
    for path, hours in ((old, 25), (new, 1), (other, 25)):
        path.write_text("half")
        os.utime(path, (time.time() - hours * 3600,) * 2)
    write_text_whole(tmp_path / "a.txt", "x")
    assert names(tmp_path) == sorted([new.name, other.name, "a.txt"])


def test_whole_file_obeys_umask(tmp_path):
    before = os.umask(0o022)
    try:
        write_text_whole(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_whole_file_says_that_files_may_not_be_so_large(tmp_path):
    with pytest.raises(NoSpaceError, match="allows no file so large"), whole_file(tmp_path / "a.txt"):
        raise OSError(errno.EFBIG, "File too large")


def test_whole_file_says_that_the_disk_is_full(tmp_path):
    with pytest.raises(NoSpaceError, match="disk is full"), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_other_system_errors_pass_through(tmp_path):
    with pytest.raises(InterruptedError), whole_file(tmp_path / "a.txt"):
        raise InterruptedError(errno.EINTR, "no")


def test_where_nothing_may_be_written_the_file_that_was_meant_is_named(tmp_path, monkeypatch):
    with pytest.raises(BarredError, match=r"a\.txt cannot be written: no\. If it"), whole_file(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "no", ".a-1234.txt")
    with pytest.raises(BarredError, match="open in another program"), whole_file(tmp_path / "a.txt"):
        raise OSError(errno.EBUSY, "busy", ".a-1234.txt")
    (tmp_path / "file").touch()
    with pytest.raises(BarredError, match="file/below cannot be written"):
        write_text_whole(tmp_path / "file/below/a.txt", "x")
    with pytest.raises(BarredError, match="file/below cannot be written"):
        require_writable(tmp_path / "file/below")
    (tmp_path / "loose").symlink_to("unplugged")
    for asked in (require_writable, make_folder):
        with pytest.raises(BarredError, match="loose is a link to unplugged, which is not there"):
            asked(tmp_path / "loose/below")
    require_writable(tmp_path / "not/yet/there")
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda folder, how: False)
        with pytest.raises(BarredError, match="there cannot be written: Permission denied"):
            require_writable(tmp_path / "not/yet/there")
    assert names(tmp_path) == ["file", "loose"]


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    write_text_whole(tmp_path / "new/folder/a.csv", "é\r\n\n")
    assert (tmp_path / "new/folder/a.csv").read_bytes() == "é\r\n\n".encode()
    write_bytes_whole(tmp_path / "b.bin", b"\x00\r\n")
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\r\n"


def test_free_space(tmp_path, monkeypatch):
    require_free_space(tmp_path / "not/yet/there", 1, "a table")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(safe_files.shutil, "disk_usage", lambda folder: usage(0, 0, 300 * 2**20))
    require_free_space(tmp_path, 200 * 2**20, "the cache")
    with pytest.raises(NoSpaceError) as refused:
        require_free_space(tmp_path, 400 * 2**20, "the cache")
    assert all(part in str(refused.value) for part in ("the cache", str(tmp_path), "400 MiB", "300 MiB", "Free some"))
    assert isinstance(refused.value, OSError) and isinstance(refused.value, UserError)


def test_existing_outputs_are_all_named(tmp_path):
    a, b, c = (tmp_path / n for n in "abc")
    refuse_existing([a, b, c], "Use another name.")
    a.write_text("")
    c.symlink_to("nowhere")
    with pytest.raises(OutputExistsError) as refused:
        refuse_existing([a, b, c], "Use another name.")
    text = str(refused.value)
    assert str(a) in text and str(c) in text and str(b) not in text and text.endswith("Use another name.")
    assert isinstance(refused.value, FileExistsError) and isinstance(refused.value, UserError)


def test_a_folder_that_cannot_be_synced_is_no_reason_not_to_write(tmp_path, monkeypatch):
    original = os.fsync

    def fsync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 (a link that pathlib resolves as well)
            raise OSError(errno.EINVAL, "Invalid argument")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text_whole(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_what_replaces_a_file_is_on_the_disk_before(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    write_text_whole(tmp_path / "a.txt", "x")
    assert synced == [(tmp_path / "a.txt").stat().st_ino] + ([tmp_path.stat().st_ino] if os.name == "posix" else [])


def test_an_account_without_room_is_as_a_full_disk(tmp_path):
    with pytest.raises(NoSpaceError, match="disk is full"), whole_file(tmp_path / "a.txt"):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
