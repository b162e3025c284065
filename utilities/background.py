"""Work in the background: a little of it by threads, much of it by processes."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain, pairwise
from multiprocessing import current_process, get_all_start_methods, get_context
from pathlib import Path
from typing import TypeVar

import cv2

from utilities.child_process import deaf_to_ctrl_c, follow_parent
from utilities.gpu import usable_cores

THREADS = 2  # Python runs one of them at a time and they hand over at each small step: more only wait for each other
PROCESSES = 8  # at most, no more than cores: nothing waits, but each is a Python of 100 MB
FORKED = "forkserver"
MANY = 500  # images from which on processes pay for their start

Begun = TypeVar("Begun")
Piece = TypeVar("Piece")
Made = TypeVar("Made")


@contextmanager
def background(images: int, module: str) -> Iterator[Executor]:
    """What works on so many images in the background; what it has not begun when the `with` ends is dropped.

    `module` is that of the work, by its name; it needs no framework, as the processes have none.
    """
    many = images >= MANY and not current_process().daemon
    pool = (_processes(module) if many else None) or ThreadPoolExecutor(THREADS)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _processes(module: str) -> Executor | None:
    """Processes of their own, which only a process may have that is no worker of the tuner (daemon) itself; None where
    the system does not let them be, as where the folder for temporary files has too long a name for a socket.

    A framework does not survive a fork. Where the system can, they are forks of a process that has imported what the
    first of them need and no framework; it stays for the next pool, so that Python starts once and not once a process.
    """
    method = FORKED if FORKED in get_all_start_methods() else "spawn"
    context = get_context(method)
    if method == FORKED:
        from multiprocessing import forkserver  # not everywhere

        context.set_forkserver_preload([module])
        try:
            with _searched_for_modules(Path(__file__).parents[1]), deaf_to_ctrl_c():
                forkserver.ensure_running()
        except OSError:
            return None
    try:
        return ProcessPoolExecutor(min(PROCESSES, usable_cores()), context, _begin_process)
    except OSError:  # the system's memory for semaphores is full, or may not be used
        return None


@contextmanager
def _searched_for_modules(folder: Path) -> Iterator[None]:
    """A Python that starts meanwhile looks in this folder, and not in the working directory as it would by itself.

    There may be another `utilities`, such as that of an older copy of this toolkit.
    """
    before = dict(os.environ)
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path]), "PYTHONSAFEPATH": "1"}
    try:
        yield
    finally:
        for name in ("PYTHONPATH", "PYTHONSAFEPATH"):
            os.environ.pop(name)
        os.environ |= before


def _begin_process() -> None:
    follow_parent()
    cv2.setNumThreads(0)  # the other processes have the other cores


class DoneAhead:
    """What `work` makes of each piece, in order, done in the `background`; iterating waits where it must."""

    def __init__(self, pool: Executor, work: Callable[[Piece], Made], pieces: Sequence[Piece]):
        self._work, self._pieces = work, pieces
        self._coming = [self._begin(pool, piece) for piece in pieces]

    def __iter__(self) -> Iterator[Made]:
        return map(self._result, self._pieces, self._coming)

    def _begin(self, pool: Executor, piece: Piece) -> Future | None:
        with suppress(BrokenExecutor):
            return pool.submit(self._work, piece)

    def _result(self, piece: Piece, coming: Future | None) -> Made:
        """What the pool made of a piece; its work is done here where a process of it was ended from outside."""
        with suppress(BrokenExecutor):
            if coming:
                return coming.result()
        return self._work(piece)


def one_ahead(begun: Iterable[Begun]) -> Iterator[Begun]:
    """The items, each after the next has been taken from the iterable: what taking it begins is done meanwhile."""
    return (item for item, _ in pairwise(chain(begun, (None,))))
