"""Where trials run: processes side by side on one machine, each with its own device. A dead one is replaced."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

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
    """A process that runs trials; it starts with the first of them, and anew where one has died."""

    def __init__(self, target: Callable, job: object):
        self._target, self._job = target, job
        self._process: SpawnProcess | None = None
        self.trial: Trial | None = None

    def begin(self, trial: Trial) -> None:
        if self._process and not self._process.is_alive():
            self.bury()
        if not self._process:
            self._start()
        self.trial = trial
        self.connection.send((dict(trial.values),))

    def _start(self) -> None:
        _start_quiet_tracker()
        context = multiprocessing.get_context("spawn")  # a framework does not survive a fork
        self.connection, far = context.Pipe()
        process = context.Process(target=_work, args=(self._target, far, self._job), daemon=True)
        with deaf_to_ctrl_c():
            process.start()
            self._process = process
        far.close()  # else the end of the process would not be seen here

    def hear(self) -> Epoch | Ended | None:
        """What it says of its trial; None where it has died."""
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            return None
        if kind == "epoch":
            return Epoch(self.trial, content, self.answer)
        trial, self.trial = self.trial, None
        return Ended(trial, Outcome(**content))

    def answer(self, stop: bool) -> None:
        with suppress(OSError):  # it has died: that is seen when it is listened to
            self.connection.send(stop)

    def bury(self) -> int:
        """Clear away a process that has died; returns its exit status."""
        self._process.join()
        self.connection.close()
        process, self._process, self.trial = self._process, None, None
        return process.exitcode

    def end(self) -> None:
        if not self._process:
            return
        with suppress(OSError):
            self.connection.send(None)
        self._process.join(CLOSING if self.trial is None else 0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


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
    workers = [_Worker(target, job) for job in jobs]
    died: list[Trial] = []  # to be begun again
    deaths: Counter[int] = Counter()
    try:
        while True:
            for worker in workers:
                if worker.trial is None:
                    trial = died.pop() if died else next_trial()
                    if trial is None:
                        break
                    worker.begin(trial)
                    yield Started(trial)
            busy = {w.connection: w for w in workers if w.trial is not None}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]
                if event := worker.hear():
                    yield event
                    continue
                trial, status = worker.trial, worker.bury()
                deaths[trial.ordinal] += 1
                if deaths[trial.ordinal] < ATTEMPTS:
                    died.append(trial)
                    yield Died(trial)
                else:
                    reason = f"its process ended {ATTEMPTS} times (status {status}), perhaps for want of memory"
                    yield Ended(trial, Outcome("failed", reason=reason))
    finally:
        for worker in workers:
            worker.end()
