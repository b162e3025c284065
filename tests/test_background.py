"""Work in the background; the processes are real ones."""

import os
import signal
from multiprocessing import get_all_start_methods

import pytest
from conftest import assert_ends_with_its_parent

from utilities.background import FORKED, MANY, background, one_ahead

WORK = "utilities.decoders"  # the module of some work


@pytest.mark.skipif(FORKED not in get_all_start_methods(), reason="processes cannot be forks here")
def test_python_starts_once_for_all_pools():
    parents = set()
    for _ in range(2):
        with background(MANY, WORK) as pool:
            parents.add(pool.submit(os.getppid).result())
    assert len(parents) == 1 and os.getpid() not in parents


PARENT = """
import os, sys, time
from pathlib import Path
from utilities.background import MANY, background

if __name__ == "__main__":
    with background(MANY, "utilities.decoders") as pool:
        pid = pool.submit(os.getpid).result()
        (Path(sys.argv[1]) / "pid").write_text(str(pid))
        time.sleep(600)
"""


def test_no_process_outlives_a_stage_that_is_killed(tmp_path):
    assert_ends_with_its_parent(PARENT, tmp_path)


def test_the_next_is_begun_before_one_is_waited_for():
    begun = []
    items = one_ahead(begun.append(n) or n for n in range(3))
    assert [(item, list(begun)) for item in items] == [(0, [0, 1]), (1, [0, 1, 2]), (2, [0, 1, 2])]


def test_ctrl_c_is_left_to_the_stage():
    with background(MANY, WORK) as pool:
        assert pool.submit(signal.raise_signal, signal.SIGINT).result() is None
