"""A process that runs trials: it takes values from a connection, trains, and reports each epoch and the end."""

import builtins
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from utilities.config import Config
from utilities.counts import number_of
from utilities.outcomes import Outcome
from utilities.peak_memory import forget_peak_memory, peak_memory


@dataclass(frozen=True)
class WorkerJob:
    """What a worker needs besides the trials: settings, where to log, its device, and a mark before its lines."""

    config: Config
    logs: Path
    environ: Mapping[str, str]
    mark: str = ""


class Hopeless(Exception):
    """The trial was told to stop."""


def serve(connection: Connection, job: WorkerJob) -> None:
    """Run trials until None comes.

    Receives (values by name,); sends ("epoch", history row), to which the answer is True to stop the trial, and
    at the end ("done", outcome as a dict).
    """
    os.environ.update(job.environ)
    if job.mark:
        _mark_lines(job.mark)
    from utilities.command import speak_at_once
    from utilities.framework import start_framework

    speak_at_once()
    start_framework(job.config.tune.seed, announce=False)

    from utilities.trial_training import TrialTraining

    train = TrialTraining(job.config, job.logs)
    try:
        while (message := connection.recv()) is not None:
            connection.send(("done", _outcome(train, *message, connection, job.config.train.early_stopping)))
    except (EOFError, BrokenPipeError):  # the parent is gone
        return


def _mark_lines(mark: str) -> None:
    plain = print

    def marked(*texts, **options):
        plain(mark, *texts, **options)

    builtins.print = marked


def _outcome(train: Callable, values: Mapping, connection: Connection, early_stopping: bool) -> dict:
    """Train and say what became of it; whatever goes wrong in a trial is its result, not the end of the search."""
    from utilities.history import kept_of

    rows = []

    def after_epoch(row):
        rows.append(row)
        connection.send(("epoch", row))
        if connection.recv():
            raise Hopeless

    forget_peak_memory()
    try:
        progress, cost = train(values, after_epoch)
    except (BrokenPipeError, EOFError):  # nobody reads what is said here, or the parent is gone: no fault of the trial
        raise
    except Hopeless:
        ended = Outcome("pruned", reason=f"hopeless after {number_of(len(rows), 'epoch')}")
    except Exception as error:
        lines = str(error).strip().splitlines() or ["out of memory" if isinstance(error, MemoryError) else ""]
        ended = Outcome("failed", reason=f"{type(error).__name__}: {lines[0]}".strip(": "))
    else:
        best = progress.best
        ended = Outcome("complete", best["val_cer"], best["val_loss"], best["epoch"], cost=round(cost, 1))
    figures = {"epochs": len(rows), "seconds": rows[-1]["seconds"] if rows else 0.0, "memory": round(peak_memory())}
    if ended.state == "pruned":
        kept = kept_of(rows, early_stopping)
        figures |= {"val_cer": kept["val_cer"], "val_loss": kept["val_loss"], "best_epoch": kept["epoch"]}
    return asdict(ended) | figures
