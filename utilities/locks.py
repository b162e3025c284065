"""One process at a time: a lock file names its owner, and a dead owner's is taken over."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from utilities.errors import UserError
from utilities.safe_files import explained, make_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PROC = Path("/proc")  # Linux: what is known of running processes


class LockedError(UserError):
    """Something that another process works on."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file with this process's id and host; makes the folder. A dead owner's lock is taken over.

    Raises LockedError when the owner is alive, or on another host, where that cannot be known.
    """
    make_folder(path.parent)
    me = this_process()
    with explained(path), _guarded(path) as file:
        _refuse_living_owner(path, file.read())
        file.seek(0)
        file.truncate()
        file.write(json.dumps(me))
    try:
        yield
    finally:
        if path.exists() and path.read_text(encoding="utf-8") == json.dumps(me):  # not one that replaced it by hand
            path.unlink()


def refuse_held(path: Path) -> None:
    """Raise LockedError where `exclusive_lock` would, now, before work that ends there; nothing is written."""
    with explained(path), suppress(FileNotFoundError):
        _refuse_living_owner(path, path.read_text(encoding="utf-8"))


def this_process() -> dict[str, object]:
    """What tells this process from all others, on any computer; JSON-ready."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}


def refuse_living_owner(owner: Mapping, thing: str, free: str) -> None:
    """Raise LockedError where another process holds a thing, unless it has ended; `free`: how to let the thing go.

    `owner`: what `this_process` was there. Raises ValueError, KeyError and TypeError where it is something else.
    """
    pid, host, started = int(owner["pid"]), owner["host"], owner.get("started")
    here = socket.gethostname()
    if host != here:
        raise LockedError(
            f"Process {pid} on the computer {host} holds {thing}; this is {here}. Wait for it, or {free} if you know"
            " that it has ended."
        )
    if _is_alive(pid, started):
        raise LockedError(
            f"Process {pid} on this computer holds {thing}. Wait until it ends, or stop it, and try again."
        )


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
    try:
        refuse_living_owner(json.loads(text), str(path), "delete that file")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LockedError(
            f"{path} is not a lock file of this program. Move it away and run the command again."
        ) from None


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
