"""What a process owes the one that started it: to end with it and not before."""

import os
import signal
import threading
from multiprocessing import parent_process


def follow_parent() -> None:
    """Leave Ctrl-C to the parent, which ends its children, and end at once when the parent is gone, even if killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        parent_process().join()
        os._exit(1)  # the main thread may be deep in its work

    threading.Thread(target=watch, daemon=True).start()
