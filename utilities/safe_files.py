"""Whole-or-absent writes, refusal to overwrite, free-space checks, locks."""

import errno
import json
import os
import shutil
import socket
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from utilities.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SPARE_BYTES = 50 * 2**20  # kept free beside what is written
PROC = Path("/proc")  # Linux: what is known of running processes


class OutputExistsError(UserError, FileExistsError):
    """Results that would be overwritten."""


class NoSpaceError(UserError, OSError):
    """A disk without room for what must be written."""


class LockedError(UserError):
    """Something that another process works on."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same ending, that replaces `path` when the block ends well.

    On any exception it is removed and `path` stays as it was. Raises NoSpaceError when the disk is full.
    """
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        with _room_for(path):
            yield temporary
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that becomes `path`, which must not exist, when the block ends well.

    On any exception it is removed. Raises NoSpaceError when the disk is full.
    """
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        with _room_for(path):
            temporary.mkdir(parents=True)
            yield temporary
            temporary.rename(path)
            _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    """Say in a NoSpaceError what was not written when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise NoSpaceError(
            f"The disk is full: {path.absolute()} was not written. Free some space there and run the command again."
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text_whole(path: Path, text: str) -> None:
    """Write UTF-8 text with line feeds as they are, whole or not at all; makes the folder."""
    write_bytes_whole(path, text.encode("utf-8"))


def write_bytes_whole(path: Path, data: bytes) -> None:
    """Write bytes, whole or not at all; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def require_free_space(folder: Path, bytes_needed: int, what: str) -> None:
    """Raise NoSpaceError unless the disk of the folder (which need not exist yet) has room for `bytes_needed`."""
    folder = folder.absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < bytes_needed + SPARE_BYTES:
        raise NoSpaceError(
            f"There is no room for {what} in {folder}: it needs {bytes_needed / 2**20:.0f} MiB and"
            f" {SPARE_BYTES / 2**20:.0f} MiB to spare, {free / 2**20:.0f} MiB are free."
            " Free some space or work in a folder on another disk."
        )


def refuse_existing(paths: Iterable[Path], hint: str) -> None:
    """Raise OutputExistsError that lists every path that exists; `hint` says what to do."""
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        raise OutputExistsError("These results exist already:\n" + "\n".join(f"  {p}" for p in there) + f"\n{hint}")


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file with this process's id and host; makes the folder. A dead owner's lock is taken over.

    Raises LockedError when the owner is alive, or on another host, where that cannot be known.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    me = {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}
    with _guarded(path) as file:
        _refuse_living_owner(path, file.read())
        file.seek(0)
        file.truncate()
        file.write(json.dumps(me))
    try:
        yield
    finally:
        if path.exists() and path.read_text(encoding="utf-8") == json.dumps(me):  # not one that replaced it by hand
            path.unlink()


@contextmanager
def _guarded(path: Path) -> Iterator[IO[str]]:
    """The lock file, opened for reading and writing, by one process at a time: two cannot take it over at once."""
    while True:
        with path.open("a+", encoding="utf-8") as file:
            if fcntl is not None:
                with suppress(OSError):  # some network disks have no flock; the owner's id still guards
                    fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still_at(path, file):  # else its owner removed it while this process waited
                file.seek(0)
                yield file
                return


def _is_still_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _refuse_living_owner(path: Path, text: str) -> None:
    if not text.strip("\0 \n"):  # new, or its owner died before it could write
        return
    here = socket.gethostname()
    try:
        owner = json.loads(text)
        pid, host, started = int(owner["pid"]), owner["host"], owner.get("started")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LockedError(
            f"{path} is not a lock file of this program. Move it away and run the command again."
        ) from None
    if host != here:
        raise LockedError(
            f"Process {pid} on the computer {host} holds {path}; this is {here}. Wait for it,"
            " or delete that file if you know that it has ended."
        )
    if _is_alive(pid, started):
        raise LockedError(
            f"Process {pid} on this computer holds {path}. Wait until it ends, or stop it, and try again."
        )


def _is_alive(pid: int, started: str | None) -> bool:
    if os.name != "posix":  # there, signal 0 is Ctrl-C; better one file to delete by hand than a process stopped
        return True
    try:
        os.kill(pid, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        pass
    now = _started(pid)
    return now != "ended" and (started is None or now is None or started == now)


def _started(pid: int) -> str | None:
    """When a process began, so that another with the same id is not taken for it; None where /proc does not say."""
    try:
        state, *fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except (OSError, ValueError):
        return None
    return "ended" if state in "ZX" else f"{boot} {fields[18]}"  # the 22nd field of proc(5) stat: starttime in ticks
