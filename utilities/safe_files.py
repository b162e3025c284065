"""Whole-or-absent writes, refusal to overwrite, checks of space and permissions."""

import csv
import errno
import glob
import io
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from utilities.errors import UserError

SPARE_BYTES = 50 * 2**20  # kept free beside what is written
LEFT_OVER = 24 * 3600.0  # seconds after which a temporary file is of a process that was killed
FULL = {errno.ENOSPC, errno.EDQUOT}
BARRED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}  # a file where a folder is wanted, too
IN_USE = {errno.EBUSY, errno.ETXTBSY}  # on shared disks and those of Windows; there, EACCES may say it, too


class OutputExistsError(UserError, FileExistsError):
    """Results that would be overwritten."""


class NoSpaceError(UserError, OSError):
    """A disk without room for what must be written."""


class BarredError(UserError):
    """A place where this user may not write, or nobody can."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same ending, that replaces `path` when the block ends well.

    On any exception it is removed and `path` stays as it was. Raises NoSpaceError when the disk is full, BarredError
    where nothing may be written.
    """
    remove_left_over(path.parent.glob(f".{glob.escape(path.stem)}-{'[0-9a-f]' * 8}{glob.escape(path.suffix)}"))
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        with explained(path):
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

    On any exception it is removed. Raises NoSpaceError when the disk is full, BarredError where nothing may be written.
    """
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        with explained(path):
            temporary.mkdir(parents=True)
            yield temporary
            temporary.rename(path)
            _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say in a NoSpaceError or BarredError what was not written, and why; not the name of a temporary file."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise NoSpaceError(
                f"The disk is full: {path.absolute()} was not written. Free some space there and run the command again."
            ) from error
        if error.errno == errno.EFBIG:
            raise NoSpaceError(
                f"{path.absolute()} was not written: its disk, or a limit of your account, allows no file so large."
                " Work in a folder on another disk, or ask for a higher limit."
            ) from error
        if error.errno in BARRED | IN_USE:
            raise BarredError(
                f"{path.absolute()} cannot be written: {error.strerror}. If it is open in another program, such as a"
                " spreadsheet, close it there; else ask for the permission to write there, or run the command in a"
                " folder of your own."
            ) from error
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that may be there already. Raises NoSpaceError and BarredError."""
    with explained(folder):
        _refuse_loose_link(folder)
        folder.mkdir(parents=True, exist_ok=True)


def require_writable(folder: Path) -> None:
    """Raise BarredError unless files can be written in a folder that need not exist yet."""
    with explained(folder):
        _refuse_loose_link(folder)
        existing = _existing(folder)
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(existing, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _refuse_loose_link(folder: Path) -> None:
    """Raise BarredError where the folder, or one above it, is a link to a place that is not there."""
    for link in (folder, *folder.parents):
        if link.is_symlink() and not link.exists():
            raise BarredError(
                f"{link.absolute()} is a link to {link.readlink()}, which is not there. See that its disk is there, or"
                " make that folder; or remove the link."
            )


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    folder = folder.absolute()
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:  # some file systems cannot do this for a folder; the file itself is safe
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)


def write_text_whole(path: Path, text: str) -> None:
    """Write UTF-8 text with line feeds as they are, whole or not at all; makes the folder."""
    write_bytes_whole(path, text.encode("utf-8"))


def write_csv_whole(path: Path, rows: Iterable[Iterable], separator: str = ",", mark: str = "") -> None:
    """Write rows as a CSV, the header among them, whole or not at all; `mark` stands before all else."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    write_text_whole(path, mark + text.getvalue())


def write_bytes_whole(path: Path, data: bytes) -> None:
    """Write bytes, whole or not at all; makes the folder."""
    make_folder(path.parent)
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def require_free_space(folder: Path, bytes_needed: int, what: str) -> None:
    """Raise NoSpaceError unless the disk of the folder (which need not exist yet) has room for `bytes_needed`."""
    free = shutil.disk_usage(_existing(folder)).free
    if free < bytes_needed + SPARE_BYTES:
        raise NoSpaceError(
            f"There is no room for {what} in {folder.absolute()}: it needs {bytes_needed / 2**20:.0f} MiB and"
            f" {SPARE_BYTES / 2**20:.0f} MiB to spare, {free / 2**20:.0f} MiB are free."
            " Free some space or work in a folder on another disk."
        )


def require_temporary_folder() -> None:
    """Raise NoSpaceError unless one of the folders for temporary files can be written in: frameworks want one."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise NoSpaceError(
            f"Temporary files cannot be written: {error.strerror}. These are full, or may not be written in. Free some"
            " space there, or name a folder on another disk before the command: TMPDIR=FOLDER python ..."
        ) from error


def remove_left_over(files: Iterable[Path]) -> None:
    """Remove those of our temporary files that nobody has written to for LEFT_OVER seconds."""
    for path in files:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_OVER:
                path.unlink()


def free_name(path: Path) -> Path:
    """The first of path-1, path-2, ... (before its ending) that does not exist."""
    return next(p for n in count(1) if not (p := path.with_stem(f"{path.stem}-{n}")).exists())


def refuse_existing(paths: Iterable[Path], hint: str) -> None:
    """Raise OutputExistsError that lists every path that exists; `hint` says what to do."""
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        raise OutputExistsError("These results exist already:\n" + "\n".join(f"  {p}" for p in there) + f"\n{hint}")
