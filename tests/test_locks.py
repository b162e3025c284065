"""Locks, with real processes."""

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, names

from utilities import locks
from utilities.locks import LockedError, exclusive_lock
from utilities.safe_files import NoSpaceError

HOLD = """
import sys, pathlib
from utilities.locks import exclusive_lock
with exclusive_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


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


def test_a_full_disk_is_said_to_be_full(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(locks.json, "dumps", full)
    with pytest.raises(NoSpaceError, match="The disk is full"), exclusive_lock(tmp_path / "lock"):
        pass


def test_a_lock_that_was_replaced_by_hand_stays(tmp_path):
    with exclusive_lock(tmp_path / "lock"):
        (tmp_path / "lock").write_text("another's")
    assert (tmp_path / "lock").read_text() == "another's"


def test_a_process_of_another_user_lives(monkeypatch):
    def kill(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert locks._is_alive(os.getpid(), None)
