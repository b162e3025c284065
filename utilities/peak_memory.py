"""The most memory that this process has held."""

import platform
import re
from contextlib import suppress
from pathlib import Path

MB = 1e6


def forget_peak_memory() -> None:
    """Let `peak_memory` begin anew, where the system can (Linux); elsewhere it stays the peak since the start."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> float:
    """The most memory in MB that this process held since `forget_peak_memory`; a GPU's memory is not in it."""
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.M)
        if found:
            return int(found[1]) * 1024 / MB
    import resource  # not on Windows

    unit = 1 if platform.system() == "Darwin" else 1024  # bytes there, kB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB
