"""What every stage does around its own work: arguments, readable errors, an exit status."""

import argparse
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from utilities.errors import UserError
from utilities.hyperparameters import FIELDS, parse_value

INTERRUPTED = 130  # the exit status of a program stopped by Ctrl-C
UNREAD = 141  # ... of one whose output nobody reads to its end
# what the system says of files that the user may not use, or whose disk is gone
OUT_OF_REACH = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE}


def run_stage(run: Callable[[], None], resumable: bool = False) -> int:
    """Run a stage; a UserError becomes one message on stderr and status 1, Ctrl-C status 130, `| head` status 141.

    A file that may not be used is the user's matter, too; to be ended by the system, or with its terminal, is as
    Ctrl-C. `resumable`: it has the flag --resume.
    """
    speak_at_once()
    advice = "add --resume to go on from there." if resumable else "nothing half-finished was left."
    try:
        with _ended_as_by_a_key():
            run()
        sys.stdout.flush()
    except UserError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            print(f"\nStopped. No finished result was lost; {advice}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        if not _nobody_reads_on():
            raise
        if resumable:
            print(f"\nStopped, as nobody reads what it says. No finished result was lost; {advice}", file=sys.stderr)
        return UNREAD
    except OSError as error:
        if error.errno not in OUT_OF_REACH or error.filename is None:
            raise
        print(
            f"\n{error.filename} cannot be used: {error.strerror}. Ask for the permission, or see that its disk is"
            f" there. No finished result was lost; {advice}",
            file=sys.stderr,
        )
        return 1
    return 0


def speak_at_once() -> None:
    """Let each line that is printed be seen at once, also in a log, and a letter that a terminal does not know be no
    reason to stop: it shows \\u0141 for Ł.
    """
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


def _open_closed_streams() -> None:
    """Let what is said go nowhere where a process was started without streams, as by `>&-`.

    Else the next file that is opened has the number of one, and native code writes its messages into a model.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


@contextmanager
def _ended_as_by_a_key() -> Iterator[None]:
    """SIGTERM and SIGHUP are KeyboardInterrupt meanwhile, so that nothing half-written is left; not under nohup."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # not every system has both
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nobody_reads_on() -> bool:
    """Whether what stdout was piped to has ended; what else is said there is then lost without complaint."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def leave(status: int) -> NoReturn:
    """End the process with the status of its stage.

    After Ctrl-C at once: the framework's threads may be in the middle of a step, and taking the interpreter down around
    them aborted one process in eight. What is worth keeping is on disk and closed by then.
    """
    if status == INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that every stage that trains shares."""
    parser.add_argument(
        "--resume", action="store_true", help="go on with an interrupted run of the same name and settings"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the results of an earlier run of the same name"
    )


def add_hyperparameter_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag for each hyperparameter."""
    group = parser.add_argument_group("hyperparameters", "each replaces the value of FILE and of setup.cfg")
    for name, field in FIELDS.items():
        flag, meaning = f"--{name.replace('_', '-')}", f"{field.help} ({field.allowed})"
        group.add_argument(flag, type=hyperparameter(name), metavar="VALUE", help=meaning)


def hyperparameter(name: str) -> Callable[[str], object]:
    """The argparse type of a flag for a hyperparameter: what it refuses, it says with what is allowed."""

    def parse(text):
        try:
            return parse_value(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse
