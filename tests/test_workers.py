"""Trials in processes; the worker functions stand in for training."""

import os
import signal
import time
from pathlib import Path

import pytest
from conftest import assert_ends_with_its_parent

from utilities.outcomes import Outcome, Trial
from utilities.workers import Died, Ended, Epoch, Started, run_in_workers


def good(connection, job):
    while (message := connection.recv()) is not None:
        (values,) = message
        for epoch in (1, 2):
            connection.send(("epoch", {"epoch": epoch, "val_cer": values["x"]}))
            if connection.recv():
                break
        connection.send(("done", vars(Outcome("complete", values["x"], 1.0, epoch, cost=1.0))))


def dies_once(connection, folder):
    while (message := connection.recv()) is not None:
        (values,) = message
        mark = Path(folder) / str(values["x"])
        if values["x"] == 2 and not mark.exists():
            mark.touch()
            os._exit(9)
        connection.send(("done", vars(Outcome("complete", 0.5, 1.0, 1, cost=float(os.getpid())))))


def always_dies(connection, job):
    connection.recv()
    os._exit(9)


def slow(connection, job):
    while connection.recv() is not None:
        connection.send(("epoch", {"epoch": os.getpid(), "val_cer": 1.0}))
        connection.recv()
        time.sleep(0.5)
        connection.send(("done", vars(Outcome("complete", 0.5, 1.0, 1, cost=1.0))))


def interrupted(connection, job):
    while connection.recv() is not None:
        signal.raise_signal(signal.SIGINT)  # as a terminal does to all processes of a command
        connection.send(("done", vars(Outcome("complete", 0.5, 1.0, 1, cost=1.0))))


def trials(count):
    iterator = iter([Trial(n, {"x": n}) for n in range(count)])
    return lambda: next(iterator, None)


def run(count, target, jobs, stop=lambda event: False):
    events = []
    for event in run_in_workers(trials(count), target, jobs):
        if isinstance(event, Epoch):
            event.answer(stop(event))
        events.append(event)
    return events


def kinds(events):
    return [(type(event), event.trial.ordinal) for event in events]


def test_trials_run_in_order_and_report():
    events = run(2, good, [None])
    assert kinds(events) == [(kind, n) for n in range(2) for kind in (Started, Epoch, Epoch, Ended)]
    assert [e.outcome.val_cer for e in events if isinstance(e, Ended)] == [0, 1]


def test_a_trial_can_be_told_to_stop():
    events = run(1, good, [None], stop=lambda event: True)
    assert kinds(events) == [(Started, 0), (Epoch, 0), (Ended, 0)]


def test_a_worker_that_dies_is_noticed_and_its_trial_run_again(tmp_path):
    events = run(4, dies_once, [str(tmp_path)])
    assert (Died, 2) in kinds(events)
    ended = [e for e in events if isinstance(e, Ended)]
    assert sorted(e.trial.ordinal for e in ended) == [0, 1, 2, 3]
    assert {e.outcome.state for e in ended} == {"complete"}


def test_a_trial_that_always_kills_its_worker_fails():
    ended = [e for e in run(1, always_dies, [None]) if isinstance(e, Ended)]
    assert [e.outcome.state for e in ended] == ["failed"]
    assert "status 9" in ended[0].outcome.reason


def test_ctrl_c_is_left_to_the_parent():
    assert kinds(run(1, interrupted, [None])) == [(Started, 0), (Ended, 0)]


def test_workers_run_side_by_side():
    events = run(4, slow, [None, None])
    assert len({e.row["epoch"] for e in events if isinstance(e, Epoch)}) == 2  # two processes
    assert kinds(events)[:2] == [(Started, 0), (Started, 1)]


def test_no_process_is_left_when_the_search_is_interrupted():
    pids = []
    with pytest.raises(KeyboardInterrupt):
        for event in run_in_workers(trials(4), slow, [None, None]):
            if isinstance(event, Epoch):
                pids.append(event.row["epoch"])
                raise KeyboardInterrupt
    time.sleep(0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


ORPHAN = """
import os, sys, time
from pathlib import Path
from utilities.outcomes import Trial
from utilities.workers import run_in_workers

def busy(connection, folder):
    (folder / "pid").write_text(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    trials = [Trial(0, {})]
    list(run_in_workers(lambda: trials.pop() if trials else None, busy, [Path(sys.argv[1])]))
"""


def test_a_worker_ends_with_a_parent_that_is_killed(tmp_path):
    assert_ends_with_its_parent(ORPHAN, tmp_path)
