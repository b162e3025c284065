"""A process that runs trials: it takes values from a connection, trains, and reports each epoch and the end."""

import builtins
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
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

    speak_at_once()
    train = _trainer(job)
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


def _trainer(job: WorkerJob) -> Callable:
    """Start the framework, load the images, and return what trains with given values."""
    from utilities.command import start_framework

    config, tune = job.config, job.config.tune
    start_framework(tune.seed, announce=False)

    import keras

    from utilities.examination import preprocessing_of
    from utilities.full_model import build_full_model, prediction_model_of
    from utilities.history import kept_of
    from utilities.hyperparameters import resolve
    from utilities.model import RecognizerSpec, frame_counter
    from utilities.model_cost import operations
    from utilities.plan import Plan
    from utilities.training import train
    from utilities.training_set import training_set_for
    from utilities.trial_log import TrialLog

    architecture = config.train.architecture
    how = preprocessing_of(config.project)
    base = resolve(architecture, config.train.hyperparameters)
    frames = frame_counter(architecture, how.height, base)
    data = training_set_for(config, tune.image_set, how, frames)

    def train_with(values, after_epoch):
        hyperparameters = resolve(architecture, asdict(base), values)
        keras.utils.clear_session()
        keras.utils.set_random_seed(tune.seed)
        log = TrialLog(job.logs, hyperparameters)

        def logged(history):
            log.add(history[-1], kept=kept_of(history, config.train.early_stopping))
            after_epoch(history[-1])

        try:
            full = build_full_model(RecognizerSpec(architecture, data.alphabet, how, hyperparameters))
            batches = data.batches(data.alphabet, frames, hyperparameters.batch_size, tune.seed)
            rate = hyperparameters.learning_rate
            plan = replace(Plan.of(config.train, tune.num_epochs, rate, None), seed=tune.seed, patience=tune.num_epochs)
            network = prediction_model_of(full)
            progress = train(full, network, batches, data.alphabet, plan, after_epoch=logged)
            return progress, operations(network, how.width) / 1e6
        finally:
            log.close()

    return train_with


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
