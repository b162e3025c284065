"""What every stage does around its own work: a device, quiet frameworks, readable errors, an exit status."""

import argparse
import errno
import gc
import io
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from utilities.errors import UserError
from utilities.gpu import choose_device, framework_gpus, quiet_frameworks, without_gpu
from utilities.hyperparameters import FIELDS, parse_value
from utilities.safe_files import require_temporary_folder

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


def start_framework(seed: int, announce: bool = True) -> None:
    """Choose the device, start Keras on it without chatter, and seed everything random.

    What the device is, is said after that, since a driver that answers does not mean that the framework can use it.
    Raises NoSpaceError where there is no folder for temporary files.
    """
    require_temporary_folder()
    quiet_frameworks()
    device = choose_device()
    with _silenced_stderr(), _kept_for_good():
        import absl.logging
        import keras

        absl.logging.set_verbosity(absl.logging.ERROR)  # Keras calls .h5 files legacy at every save
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of each new width of image

        keras.utils.set_random_seed(seed)
        unusable = device.kind == "gpu" and not framework_gpus()
    if unusable:
        print(without_gpu(device, keras.config.backend()))
    elif announce:
        print(device.message)


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


@contextmanager
def _kept_for_good() -> Iterator[None]:
    """What is made meanwhile stays until the process ends, and nobody looks for garbage in it.

    A framework's modules are some hundred thousand objects. Looking through them while they load and again when Python
    ends took 1.6 s of the 4 of a command that does nothing else.
    """
    if "keras" in sys.modules:  # it runs already, and there are models that must not stay
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Hold back what native code prints on stderr while a framework starts; show it only if that fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:  # not Ctrl-C
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
