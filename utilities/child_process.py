"""What a process owes the one that started it: to end with it and not before."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process, resource_tracker


def follow_parent() -> None:
    """Leave Ctrl-C to the parent, which ends its children, and end at once when the parent is gone, even if killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        parent_process().join()
        os._exit(1)  # the main thread may be deep in its work

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile hear no Ctrl-C, of which they would show a traceback before they can
    `follow_parent`: to start takes them a second.
    """
    if not hasattr(signal, "pthread_sigmask"):  # not on every system
        yield
        return
    resource_tracker.ensure_running()  # now: to start it makes this process hear again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
