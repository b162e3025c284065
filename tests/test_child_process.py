"""Processes that other processes start, as real ones."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

DECODERS = """
from utilities.background import MANY
from utilities.decoders import decoders
if __name__ == "__main__":
    with decoders(MANY) as pool:
        print(pool.submit(len, "ab").result())
"""
WORKERS = """
from target import work
from utilities.outcomes import Trial
from utilities.workers import run_in_workers
if __name__ == "__main__":
    coming = iter([Trial(0, {}), None])
    *_, end = run_in_workers(lambda: next(coming), work, [None])
    print(end.outcome.epochs)
"""
TARGET = """
def work(connection, job):
    connection.recv()
    connection.send(("done", {"state": "complete", "epochs": 2}))
"""
STRUCK = """
import os, signal, sys
if any("forkserver" in argument or "spawn_main" in argument for argument in sys.orig_argv):
    os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be held back here")
@pytest.mark.parametrize("program", [DECODERS, WORKERS])
def test_ctrl_c_is_the_parents_matter_from_a_childs_first_moment_on(program, tmp_path):
    for name, text in (("sitecustomize", STRUCK), ("target", TARGET), ("program", program)):
        (tmp_path / f"{name}.py").write_text(text)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")
