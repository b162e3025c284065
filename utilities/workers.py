"""Where trials run: processes side by side on one machine, each with its own device. A dead one is replaced."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait

from utilities.child_process import deaf_to_ctrl_c, follow_parent
from utilities.outcomes import Outcome, Trial

ATTEMPTS = 2  # times a trial is begun whose process dies: once may be bad luck
CLOSING = 5.0  # seconds that a worker has to end by itself


@dataclass(frozen=True)
class Started:
    """A trial has been handed to a worker."""

    trial: Trial


@dataclass(frozen=True)
class Epoch:
    """A trial has finished an epoch; `answer(True)` stops it. Exactly one answer must be given."""

    trial: Trial
    row: dict
    answer: Callable[[bool], None]


@dataclass(frozen=True)
class Ended:
    """A trial has ended, for good."""

    trial: Trial
    outcome: Outcome


@dataclass(frozen=True)
class Died:
    """The process of a trial is gone, and the trial will be begun again."""

    trial: Trial


class _Worker:
    def __init__(self, target: Callable, job: object):
        self._target, self._job = target, job
        self.trial: Trial | None = None
        self._start()

    def _start(self) -> None:
        _start_quiet_tracker()
        context = multiprocessing.get_context("spawn")  # a framework does not survive a fork
        self.connection, far = context.Pipe()
        self.process = context.Process(target=_work, args=(self._target, far, self._job), daemon=True)
        with deaf_to_ctrl_c():
            self.process.start()
        far.close()  # else the end of the process would not be seen here

    def begin(self, trial: Trial) -> None:
        if not self.process.is_alive():
            self.restart()
        self.trial = trial
        self.connection.send((dict(trial.values),))

    def answer(self, stop: bool) -> None:
        with suppress(OSError):  # it has died: that is seen when it is listened to
            self.connection.send(stop)

    def restart(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.trial = None
        self._start()

    def end(self) -> None:
        with suppress(OSError):
            self.connection.send(None)
        self.process.join(CLOSING if self.trial is None else 0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _start_quiet_tracker() -> None:
    """Start Python's process that cleans up behind others, so that it does so without a word.

    A worker that is ended while it trains leaves semaphores; that they are taken care of alarms whoever reads of it.
    """
    if os.name != "posix":
        return
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(
        filter(None, (before, "ignore::UserWarning:multiprocessing.resource_tracker"))
    )
    try:
        resource_tracker.ensure_running()
    finally:
        os.environ.pop("PYTHONWARNINGS")
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def _work(target: Callable, connection: Connection, job: object) -> None:
    follow_parent()
    target(connection, job)


def run_in_workers(
    next_trial: Callable[[], Trial | None], target: Callable[[Connection, object], None], jobs: Sequence[object]
) -> Iterator[Started | Epoch | Ended | Died]:
    """Run trials until `next_trial` gives none and all have ended, one worker for each job; yields what happens.

    `target(connection, job)` is what a worker runs (see `trial_worker.serve`). Workers end with the iteration,
    however it ends.
    """
    workers, deaths = [], {}
    waiting: list[Trial] = []
    try:
        while True:
            for index in range(len(jobs)):
                if index < len(workers) and workers[index].trial is not None:
                    continue
                trial = waiting.pop() if waiting else next_trial()
                if trial is None:
                    break
                if index == len(workers):  # no more processes than there are trials
                    workers.append(_Worker(target, jobs[index]))
                workers[index].begin(trial)
                yield Started(trial)
            busy = {w.connection: w for w in workers if w.trial is not None}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]
                trial = worker.trial
                try:
                    kind, content = connection.recv()
                except (EOFError, OSError):
                    deaths[trial.ordinal] = deaths.get(trial.ordinal, 0) + 1
                    worker.process.join()
                    status = worker.process.exitcode
                    worker.restart()
                    if deaths[trial.ordinal] < ATTEMPTS:
                        waiting.append(trial)
                        yield Died(trial)
                    else:
                        reason = f"its process ended {ATTEMPTS} times (status {status}), perhaps for want of memory"
                        yield Ended(trial, Outcome("failed", reason=reason))
                    continue
                if kind == "epoch":
                    yield Epoch(trial, content, worker.answer)
                else:
                    worker.trial = None
                    yield Ended(trial, Outcome(**content))
    finally:
        for worker in workers:
            worker.end()
