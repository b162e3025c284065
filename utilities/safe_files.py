"""Whole-or-absent writes, refusal to overwrite, free-space checks."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from utilities.errors import UserError

SPARE_BYTES = 50 * 2**20  # kept free beside what is written


class OutputExistsError(UserError, FileExistsError):
    """Results that would be overwritten."""


class NoSpaceError(UserError, OSError):
    """A disk without room for what must be written."""


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
