"""Whole-or-absent writes, refusals, free space, locks; the latter with real processes."""

import errno
import json
import os
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from utilities import safe_files
from utilities.errors import UserError
from utilities.safe_files import (
    LockedError,
    NoSpaceError,
    OutputExistsError,
    exclusive_lock,
    refuse_existing,
    require_free_space,
    whole_file,
    write_bytes_whole,
    write_text_whole,
)

ROOT = Path(__file__).resolve().parents[1]
HOLD = """
import sys, pathlib
from utilities.safe_files import exclusive_lock
with exclusive_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def names(folder):
    return sorted(p.name for p in folder.iterdir())


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


def test_whole_file_obeys_umask(tmp_path):
    before = os.umask(0o022)
    try:
        write_text_whole(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_whole_file_says_that_the_disk_is_full(tmp_path):
    with pytest.raises(NoSpaceError, match="disk is full"), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_other_system_errors_pass_through(tmp_path):
    with pytest.raises(PermissionError), whole_file(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "no")


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


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "lock"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_living_owner_keeps_its_lock(tmp_path, holder):
    with pytest.raises(LockedError, match=f"Process {holder.pid} on this computer"), exclusive_lock(tmp_path / "lock"):
        pass
    holder.communicate("\n")
    assert names(tmp_path) == []
    with exclusive_lock(tmp_path / "lock"):
        assert names(tmp_path) == ["lock"]


@pytest.mark.parametrize("reaped", [True, False])
def test_the_lock_of_a_dead_owner_is_taken_over(tmp_path, holder, reaped):
    holder.kill()
    holder.wait() if reaped else os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert names(tmp_path) == ["lock"]
    with exclusive_lock(tmp_path / "lock"):
        owner = json.loads((tmp_path / "lock").read_text())
        assert (owner["pid"], owner["host"]) == (os.getpid(), socket.gethostname())
    assert names(tmp_path) == []


def test_a_process_cannot_lock_twice(tmp_path):
    with (
        exclusive_lock(tmp_path / "lock"),
        pytest.raises(LockedError, match=str(os.getpid())),
        exclusive_lock(tmp_path / "lock"),
    ):
        pass
    with exclusive_lock(tmp_path / "new/lock"):
        pass


def test_the_lock_goes_with_an_exception(tmp_path):
    with pytest.raises(KeyboardInterrupt), exclusive_lock(tmp_path / "lock"):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        ({"pid": 1, "host": "another-computer"}, "another-computer"),
        ({"pid": os.getpid(), "host": socket.gethostname()}, "on this computer"),
        ("my notes", "not a lock file"),
        ([1], "not a lock file"),
    ],
)
def test_locks_that_are_not_taken_over(tmp_path, content, finding):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "lock").write_text(text)
    with pytest.raises(LockedError, match=finding), exclusive_lock(tmp_path / "lock"):
        pass
    assert (tmp_path / "lock").read_text() == text


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_later_process_of_the_same_id_is_not_the_owner(tmp_path):
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "started": "another-boot 1"}
    (tmp_path / "lock").write_text(json.dumps(owner))
    with exclusive_lock(tmp_path / "lock"):
        pass


def test_an_empty_lock_file_is_taken_over(tmp_path):
    (tmp_path / "lock").touch()
    with exclusive_lock(tmp_path / "lock"):
        pass


def test_of_many_processes_one_takes_over_a_dead_lock(tmp_path):
    dead = {"pid": 2**22 + 1, "host": socket.gethostname(), "started": None}  # above Linux's largest process id
    (tmp_path / "lock").write_text(json.dumps(dead))
    command = [sys.executable, "-c", HOLD, tmp_path / "lock"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(6)]
    lines = [process.stdout.readline() for process in processes]  # "" from those refused, which end at once
    errors = [process.communicate("\n")[1] for process in processes]
    assert sorted(lines) == [""] * 5 + ["held\n"]
    assert sum("LockedError" in e for e in errors) == 5
